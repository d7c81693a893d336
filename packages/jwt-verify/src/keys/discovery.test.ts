import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
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

test('discovery finds the keys through RFC 8414 metadata if the OpenID Connect metadata is a 404', async () => {
  const { calls } = await discover({ [oauth]: { issuer, jwks_uri: 'https://keys.example.com/jwks' } });
  expect(calls).toEqual([openid, oauth, 'https://keys.example.com/jwks']);
});

test('discovery requests no URL with a double slash for an issuer that ends with a slash', async () => {
  const { calls } = await discover({}, 'https://id.example.com/');
  expect(calls).toEqual([
    'https://id.example.com/.well-known/openid-configuration',
    'https://id.example.com/.well-known/oauth-authorization-server',
  ]);
});

test.each([
  [
    'metadata of another issuer',
    { issuer: 'https://evil.example.com', jwks_uri: 'https://keys.example.com' },
    'other_issuer',
  ],
  ['metadata without an issuer', { jwks_uri: 'https://keys.example.com' }, 'other_issuer'],
  ['a jwks_uri over plain http', { issuer, jwks_uri: 'http://keys.example.com' }, 'unsafe_jwks_uri'],
  ['a jwks_uri at a cloud metadata service', { issuer, jwks_uri: 'http://169.254.169.254/' }, 'unsafe_jwks_uri'],
  ['a jwks_uri that is a file', { issuer, jwks_uri: 'file:///etc/passwd' }, 'unsafe_jwks_uri'],
  ['metadata without a jwks_uri', { issuer }, 'unsafe_jwks_uri'],
  ['metadata that is a JSON array', [], 'not_metadata'],
])('discovery refuses %s', async (_, metadata, reason) => {
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
  const clock = createVirtualClock();
  let jwksUri = 'https://old.example.com/jwks';
  const calls: string[] = [];
  const verifier = createJwtVerifier({
    issuers: [{ issuer, audiences: ['api'] }],
    clock,
    fetch: async (url) => {
      calls.push(String(url));
      return String(url) === openid ? Response.json({ issuer, jwks_uri: jwksUri }) : new Response('', { status: 404 });
    },
  });
  await verifier.warm();
  jwksUri = 'https://new.example.com/jwks';
  clock.advance(60_000);
  await verifier.warm();
  expect(calls).toEqual([openid, 'https://old.example.com/jwks', openid, 'https://new.example.com/jwks']);
});
