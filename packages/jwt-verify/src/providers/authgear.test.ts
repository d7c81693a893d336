import { expect, test } from 'vitest';
import { refusalOf } from '../testing/harness.ts';
import { startIdentityProvider } from '../testing/identity-provider.ts';
import { createSigningKey, signToken } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createJwtVerifier } from '../verify/create-jwt-verifier.ts';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { authgear } from './authgear.ts';

test('the record of authgear() accepts the RS256 access tokens of a project, and no others', async () => {
  const [rsa, ec] = [createSigningKey('k1', 'RS256'), createSigningKey('k1')];
  await using provider = await startIdentityProvider([rsa.jwk, ec.jwk]);
  const record = authgear({ endpoint: provider.issuer });
  expect(record).toMatchObject({
    issuer: provider.issuer,
    audiences: [provider.issuer],
    algorithms: ['RS256'],
    jwksUri: `${provider.issuer}/oauth2/jwks`,
    tokenType: 'access',
  });
  const clock = createVirtualClock();
  const verifier = createJwtVerifier({ issuers: [record], clock });
  const now = clock.nowSeconds();
  const claims = { iss: provider.issuer, aud: [provider.issuer], sub: 'u', iat: now, exp: now + 1800, client_id: 'c' };
  await expect(refusalOf(verifier, signToken(rsa, claims))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, signToken(ec, claims))).resolves.toBe('invalid_token algorithm_not_allowed');
  await expect(refusalOf(verifier, signToken(rsa, { ...claims, aud: 'c' }))).resolves.toBe(
    'invalid_token wrong_audience',
  );
});

test('authgear() limits tokens to one client if clientId is given', () => {
  const record = authgear({ endpoint: 'https://project.authgear.cloud/', clientId: 'app' });
  expect(record).toMatchObject({ issuer: 'https://project.authgear.cloud', clientIds: ['app'] });
  expect(authgear({ endpoint: 'https://project.authgear.cloud' })).not.toHaveProperty('clientIds');
});

test.each([
  [false, undefined],
  [true, { endpoint: 'https://project.authgear.cloud/_resolver/resolve' }],
  [{ cacheSeconds: 3 }, { endpoint: 'https://project.authgear.cloud/_resolver/resolve', cacheSeconds: 3 }],
])('authgear() with resolver %j returns a record with the resolver %j', (resolver, record) => {
  expect(authgear({ endpoint: 'https://project.authgear.cloud', resolver }).resolver).toEqual(record);
});

const endpoint = 'https://project.authgear.cloud';
const claimOf = (name: string): string => `https://authgear.com/claims/user/${name}`;

testProvider('authgear', {
  record: authgear({ endpoint, clientIds: ['web', 'ios'] }),
  algorithm: 'RS256',
  header: { typ: 'at+jwt' },
  claims: {
    iss: endpoint,
    sub: 'u',
    aud: [endpoint],
    client_id: 'web',
    scope: 'openid',
    [claimOf('is_anonymous')]: false,
  },
  accepted: [["an app's token", { client_id: 'ios' }, { issuer: endpoint, scopes: ['openid'] }]],
  refused: [
    ["another app's token of the same project", { client_id: 'other' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'client_id_web' }, {}, 'machine_token', 'set machines to true'],
    [
      'the token of an anonymous user',
      { [claimOf('is_anonymous')]: true },
      {},
      'anonymous_user',
      'set anonymous to true',
    ],
    ['an ID token', { aud: 'web' }, { typ: 'JWT' }, 'wrong_token_type', 'access token'],
    ["another project's token", { iss: 'https://other.authgear.cloud' }, {}, 'unknown_issuer', 'iss'],
  ],
});

test('authgear: an opaque token leads to the switch for JWTs', async () => {
  await expectRefusal(createVerifierOf(authgear({ endpoint })), 'opaque-token', 'malformed_token', 'Issue JWT');
  expect(() => authgear({ endpoint, clientId: 'a', clientIds: 'b' })).toThrow(/^clientId: cannot be combined/);
});
