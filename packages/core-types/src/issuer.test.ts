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
    otherForms: [],
    clientClaims: ['client_id'],
    clientOptional: false,
    requiredClaims: {},
    forbiddenClaims: [],
    requiredHeaders: {},
    forbiddenHeaders: [],
    subjectClaims: ['sub'],
    idTokenMarks: [],
    accessTokenClaims: [],
    accessTokenMarks: [],
    machines: { accepted: false, marks: expect.any(Array) },
    anonymous: { accepted: false, marks: expect.any(Array) },
    remediations: {},
    algorithms: ['RS256', 'ES256', 'ES384', 'EdDSA'],
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

test('issuerSchema accepts a jwksUri with a query', () => {
  const jwksUri = 'https://login.example.com/keys?appid=1';
  expect(issuerSchema.safeParse({ ...issuer, jwksUri }).success).toBe(true);
});

test.each([
  ['over plain http', 'http://login.example.com/keys?appid=1'],
  ['with a fragment', 'https://login.example.com/keys?appid=1#keys'],
  ['with credentials', 'https://user:password@login.example.com/keys?appid=1'],
])('issuerSchema refuses a jwksUri %s', (_, jwksUri) => {
  expect(issuerSchema.safeParse({ ...issuer, jwksUri }).success).toBe(false);
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

const jwksUri = 'https://id.example.com/jwks';
const tenants = { accepted: ['t-1'] };
const tenanted = 'https://login.example.com/{tenantid}/v2.0';

test.each([
  ['an http URL', { issuer: 'http://adfs.example.com/adfs/services/trust', jwksUri }],
  ['a bare name', { issuer: 'accounts.example.com', jwksUri }],
  ['a name with a slash', { issuer: 'stytch.com/project-1', jwks: { keys: [{ kty: 'EC' }] } }],
  ['a URN', { issuer: 'urn:example:issuer', jwksUri }],
  ['a URL with a query', { issuer: 'https://id.example.com/?p=policy', metadataUri: 'https://id.example.com/m?p=x' }],
  ['a placeholder with its tenants', { issuer: tenanted, jwksUri, tenants }],
  ['an IPv6 address', { issuer: 'http://[fe80::1]/realm', jwksUri }],
  ['any tenant', { issuer: tenanted, jwksUri, tenants: { accepted: 'any' } }],
])('issuerSchema accepts %s as an issuer if the keys have an address of their own', (_, options) => {
  expect(issuerSchema.safeParse({ audiences: null, ...options }).error).toBeUndefined();
});

test.each<[string, object, RegExp]>([
  ['a bare name without jwksUri', { issuer: 'accounts.example.com' }, /jwksUri, jwks or metadataUri/],
  ['an empty issuer', { issuer: '', jwksUri }, /./],
  ['an issuer with a space', { issuer: 'a b', jwksUri }, /must be the iss/],
  ['a text with a colon that is no URI', { issuer: '1:2', jwksUri }, /must be the iss/],
  ['credentials beside jwksUri', { issuer: 'https://u:p@id.example.com', jwksUri }, /without credentials/],
  ['braces without tenants', { issuer: tenanted, jwksUri }, /list the tenants in tenants/],
  ['an angled placeholder', { issuer: 'https://login.example.com/<tenant>', jwksUri }, /has a placeholder/],
  ['a placeholder with a colon', { issuer: 'https://login.example.com/:tenant/v2', jwksUri }, /has a placeholder/],
  ['a placeholder in brackets', { issuer: 'https://login.example.com/[tenant]', jwksUri }, /has a placeholder/],
  ['an encoded placeholder', { issuer: 'https://login.example.com/%7Btenantid%7D', jwksUri }, /has a placeholder/],
  ['an asterisk', { issuer: 'https://*.example.com', jwksUri }, /has a placeholder/],
  ['another form with an asterisk', { otherForms: ['https://login.example.com/*'], jwksUri }, /has a placeholder/],
  ['common of Entra ID', { issuer: 'https://login.microsoftonline.com/common/v2.0', jwksUri }, /names no tenant/],
  ['organizations of Entra ID', { issuer: 'https://login.microsoftonline.us/organizations/v2.0' }, /names no tenant/],
  ['two placeholders', { issuer: 'https://{a}/{b}', jwksUri, tenants }, /one placeholder/],
  ['tenants without a placeholder', { tenants, jwksUri }, /one placeholder/],
  [
    'another form without the placeholder',
    { issuer: tenanted, otherForms: ['b'], jwksUri, tenants },
    /one placeholder/,
  ],
  ['a placeholder without an address of the keys', { issuer: tenanted, tenants }, /jwksUri, jwks or metadataUri/],
  ['an empty list of tenants', { issuer: tenanted, jwksUri, tenants: { accepted: [] } }, /./],
  ['one form twice', { otherForms: [issuer.issuer] }, /must not name an iss twice/],
  ['tenants with introspection', { issuer: tenanted, jwksUri, tenants, introspection }, /names no tenant/],
  ['metadataUri with jwksUri', { metadataUri: jwksUri, jwksUri }, /cannot be combined/],
  ['jwksUri over plain http', { jwksUri: 'http://id.example.com/jwks' }, /https URL/],
  ['jwksUri that is no URL', { jwksUri: 'jwks' }, /https URL/],
  ['a mark with two conditions', { forbiddenClaims: [{ claim: 'a', values: ['b'], absent: true }] }, /only one of/],
  ['a subject claim twice', { subjectClaims: ['oid', 'oid'] }, /must not name a claim twice/],
])('issuerSchema refuses %s', (_, options, message) => {
  const { error } = issuerSchema.safeParse({ ...issuer, ...options });
  expect(error?.issues.map((issue) => issue.message).join('; ')).toMatch(message);
});
