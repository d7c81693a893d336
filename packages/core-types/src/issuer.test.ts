import { expect, test } from 'vitest';
import { issuerSchema } from './issuer.ts';

const issuer = { issuer: 'https://id.example.com', audiences: ['api'] };
const introspection = {
  endpoint: 'https://id.example.com/introspect',
  clientId: 'c',
  clientSecret: 'secret-of-a-test',
};

test('issuerSchema fills in the defaults', () => {
  expect(issuerSchema.parse(issuer)).toEqual({
    ...issuer,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
    tokenType: 'access',
    clockToleranceSeconds: 5,
    maxLifetimeSeconds: 86_400,
    keysSoftTtlSeconds: 600,
    keysStaleSeconds: 86_400,
  });
});

test.each([
  ['no audiences', { issuer: issuer.issuer }],
  ['an empty list of audiences', { ...issuer, audiences: [] }],
  ['the algorithm none', { ...issuer, algorithms: ['none'] }],
  ['a symmetric algorithm', { ...issuer, algorithms: ['HS256'] }],
  ['plain http', { ...issuer, issuer: 'http://id.example.com' }],
  ['credentials in the URL', { ...issuer, issuer: 'https://user:password@id.example.com' }],
  ['a tolerance over a minute', { ...issuer, clockToleranceSeconds: 61 }],
  ['an unknown field', { ...issuer, audience: 'api' }],
])('issuerSchema refuses %s', (_, options) => {
  expect(issuerSchema.safeParse(options).success).toBe(false);
});

test('issuerSchema accepts an http issuer on a loopback host, and null as audiences', () => {
  expect(issuerSchema.safeParse({ issuer: 'http://127.0.0.1:8790/idp', audiences: null }).success).toBe(true);
});

test.each<[string, object]>([
  ['both jwks and jwksUri', { jwks: { keys: [{ kty: 'EC' }] }, jwksUri: 'https://id.example.com/jwks' }],
  ['an empty JWK Set', { jwks: { keys: [] } }],
  ['both introspection and a resolver', { introspection, resolver: { endpoint: 'https://id.example.com/resolve' } }],
  ['an introspection client without a secret', { introspection: { ...introspection, clientSecret: undefined } }],
  ['introspection over plain http', { introspection: { ...introspection, endpoint: 'http://id.example.com' } }],
  ['an introspection cache of over a minute', { introspection: { ...introspection, cacheSeconds: 61 } }],
  [
    'a header prefix that is not a header name',
    { resolver: { endpoint: 'https://id.example.com', headerPrefix: 'X_Auth' } },
  ],
  ['a stale limit below the soft TTL', { keysSoftTtlSeconds: 600, keysStaleSeconds: 599 }],
  ['DPoP proofs valid for over five minutes', { dpop: { maxAgeSeconds: 301 } }],
  ['DPoP proofs signed with a shared secret', { dpop: { algorithms: ['HS256'] } }],
])('issuerSchema refuses %s', (_, options) => {
  expect(issuerSchema.safeParse({ ...issuer, ...options }).success).toBe(false);
});

test.each([
  ['with a query', 'https://login.example.com/keys?appid=1', true],
  ['over plain http', 'http://login.example.com/keys?appid=1', false],
  ['with a fragment', 'https://login.example.com/keys?appid=1#keys', false],
  ['with credentials', 'https://user:password@login.example.com/keys?appid=1', false],
])('issuerSchema accepts a jwksUri only if it is safe to fetch: %s', (_, jwksUri, accepted) => {
  expect(issuerSchema.safeParse({ ...issuer, jwksUri }).success).toBe(accepted);
});

test('issuerSchema fills in the defaults of DPoP, introspection and the resolver', () => {
  expect(issuerSchema.parse({ ...issuer, dpop: {}, introspection })).toMatchObject({
    dpop: { required: false, algorithms: ['ES256', 'EdDSA', 'Ed25519'], maxAgeSeconds: 60, nonceRequired: false },
    introspection: { authentication: 'client_secret_basic', cacheSeconds: 10 },
  });
  expect(issuerSchema.parse({ ...issuer, resolver: { endpoint: 'https://id.example.com' } }).resolver).toEqual({
    endpoint: 'https://id.example.com',
    headerPrefix: 'x-authgear-',
    cacheSeconds: 10,
  });
});

test('issuerSchema parses its own output to the same value, and JSON of that value does not contain the secret', () => {
  const parsed = issuerSchema.parse({ ...issuer, introspection });
  expect(issuerSchema.parse(parsed)).toEqual(parsed);
  expect(JSON.stringify(parsed)).not.toContain(introspection.clientSecret);
});
