import { expect, test } from 'vitest';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';

const issuer = 'https://id.example.com/tenant';

async function discover(documents: Record<string, unknown>, from = issuer) {
  const calls: string[] = [];
  const verifier = createJwtVerifier({
    issuers: [{ issuer: from, audiences: ['api'] }],
    fetch: async (url) => {
      calls.push(String(url));
      const document = documents[String(url)];
      return document === undefined ? new Response('', { status: 404 }) : Response.json(document);
    },
  });
  const [status] = await verifier.warm();
  return { calls, lastFailure: status?.lastFailure };
}

const openid = `${issuer}/.well-known/openid-configuration`;
const oauth = 'https://id.example.com/.well-known/oauth-authorization-server/tenant';

test('discovery finds the keys through OpenID Connect metadata', async () => {
  const { calls } = await discover({ [openid]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, 'https://keys.example.com/jwks']);
});

test('discovery finds the keys through RFC 8414 metadata where the OpenID Connect document is a 404', async () => {
  const { calls } = await discover({ [oauth]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, oauth, 'https://keys.example.com/jwks']);
});

test('discovery writes no double slash for an issuer that ends with a slash', async () => {
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
  ['keys at a cloud metadata service', { issuer, jwks_uri: 'http://169.254.169.254/' }, 'unsafe_jwks_uri'],
  ['keys in a file', { issuer, jwks_uri: 'file:///etc/passwd' }, 'unsafe_jwks_uri'],
  ['no keys', { issuer }, 'unsafe_jwks_uri'],
  ['a JSON array', [], 'not_metadata'],
])('discovery refuses metadata with %s', async (_, metadata, reason) => {
  await expect(discover({ [openid]: metadata })).resolves.toMatchObject({ lastFailure: reason });
});

test('discovery does not try RFC 8414 metadata after a 500', async () => {
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

test('discovery is repeated after a failed fetch of keys, because the keys may have moved', async () => {
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
