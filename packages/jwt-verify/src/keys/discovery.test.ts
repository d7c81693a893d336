import { expect, test } from 'vitest';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';

const issuer = 'https://id.example.com/tenant';

async function discover(answers: Record<string, unknown>, from = issuer) {
  const calls: string[] = [];
  const verifier = createJwtVerifier({
    issuers: [{ issuer: from, audiences: ['api'] }],
    fetch: async (url) => {
      calls.push(String(url));
      const answer = answers[String(url)];
      return answer === undefined ? new Response('', { status: 404 }) : Response.json(answer);
    },
  });
  const [status] = await verifier.warm();
  return { calls, lastFailure: status?.lastFailure };
}

const openid = `${issuer}/.well-known/openid-configuration`;
const oauth = 'https://id.example.com/.well-known/oauth-authorization-server/tenant';

test('finds the keys through OpenID Connect Discovery', async () => {
  const { calls } = await discover({ [openid]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, 'https://keys.example.com/jwks']);
});

test('or through RFC 8414, where there is no OpenID Connect', async () => {
  const { calls } = await discover({ [oauth]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, oauth, 'https://keys.example.com/jwks']);
});

test('writes no double slash for an issuer that ends with one', async () => {
  const { calls } = await discover({}, 'https://id.example.com/');
  expect(calls).toEqual([
    'https://id.example.com/.well-known/openid-configuration',
    'https://id.example.com/.well-known/oauth-authorization-server',
  ]);
});

test.each([
  ['another issuer', { issuer: 'https://evil.example.com', jwks_uri: 'https://keys.example.com' }, 'other_issuer'],
  ['no issuer', { jwks_uri: 'https://keys.example.com' }, 'other_issuer'],
  ['keys over plain http', { issuer, jwks_uri: 'http://keys.example.com' }, 'unsafe_jwks_uri'],
  ['keys at the metadata service of a cloud', { issuer, jwks_uri: 'http://169.254.169.254/' }, 'unsafe_jwks_uri'],
  ['keys in a file', { issuer, jwks_uri: 'file:///etc/passwd' }, 'unsafe_jwks_uri'],
  ['no keys', { issuer }, 'unsafe_jwks_uri'],
  ['a list', [], 'not_metadata'],
])('refuses metadata with %s', async (_, metadata, reason) => {
  await expect(discover({ [openid]: metadata })).resolves.toMatchObject({ lastFailure: reason });
});

test('does not look further where the provider is merely broken', async () => {
  const calls: string[] = [];
  const verifier = createJwtVerifier({
    issuers: [{ issuer, audiences: ['api'] }],
    fetch: async (url) => {
      calls.push(String(url));
      return new Response('', { status: 500 });
    },
  });
  await expect(verifier.warm()).resolves.toMatchObject([{ lastFailure: 'status_500' }]);
  expect(calls).toEqual([openid]);
});

test('is repeated after a failure, for the keys may have moved', async () => {
  let home = 'https://old.example.com/jwks';
  const calls: string[] = [];
  let now = 0;
  const verifier = createJwtVerifier({
    issuers: [{ issuer, audiences: ['api'] }],
    clock: { nowMs: () => now, monotonicMs: () => now },
    fetch: async (url) => {
      calls.push(String(url));
      return String(url) === openid ? Response.json({ issuer, jwks_uri: home }) : new Response('', { status: 404 });
    },
  });
  await verifier.warm();
  home = 'https://new.example.com/jwks';
  now += 60_000;
  await verifier.warm();
  expect(calls).toEqual([openid, 'https://old.example.com/jwks', openid, 'https://new.example.com/jwks']);
});
