import { expect, test } from 'vitest';
import { createVerifierOf, encryptedToken, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { auth0 } from './auth0.ts';

const issuer = 'https://tenant.eu.auth0.com/';
const options = { domain: 'tenant.eu.auth0.com', audience: 'https://api.example.com', clientIds: ['app-1'] };

testProvider('auth0', {
  record: auth0({ ...options, otherDomains: ['login.example.com'] }),
  algorithm: 'RS256',
  lifetimeSeconds: 30 * 86_400,
  claims: {
    iss: issuer,
    sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
    aud: ['https://api.example.com', `${issuer}userinfo`],
    azp: 'app-1',
    scope: 'openid read',
    permissions: ['write'],
  },
  accepted: [
    ['the access token of a person', {}, { issuer, scopes: ['openid', 'read', 'write'] }],
    ['a token of a custom domain', { iss: 'https://login.example.com/' }, { issuer }],
    ['a token of the RFC 9068 profile', { azp: undefined, client_id: 'app-1', jti: 'j' }, { issuer }],
  ],
  refused: [
    ["another app's token", { azp: 'app-2' }, {}, 'wrong_client', 'clientIds'],
    [
      "a machine's token",
      { sub: 'app-1@clients', gty: 'client-credentials' },
      {},
      'machine_token',
      'set machines to true',
    ],
    ["an agent's token without sub", { sub: undefined }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { aud: 'app-1', nonce: 'n', azp: undefined }, {}, 'wrong_token_type', 'audience'],
    ['an ID token without nonce', { aud: 'app-1', azp: undefined }, {}, 'wrong_token_type', 'ID token'],
    ["another tenant's token", { iss: 'https://other.eu.auth0.com/' }, {}, 'unknown_issuer', 'otherDomains'],
    ['a token without the slash of its iss', { iss: issuer.slice(0, -1) }, {}, 'unknown_issuer', 'slash'],
    ['a token with a shared secret', {}, { alg: 'HS256' }, 'algorithm_not_allowed', 'RS256'],
  ],
});

test('auth0: the encrypted and the opaque token of an app without audience lead to the audience', async () => {
  const verifier = createVerifierOf(auth0(options));
  await expectRefusal(verifier, encryptedToken, 'encrypted_token', 'audience https://api.example.com');
  await expectRefusal(verifier, 'Zm9vYmFyYmF6Zm9vYmFyYmF6', 'malformed_token', 'audience https://api.example.com');
});

test('auth0: machines are accepted if the options say so, and record replaces fields', () => {
  expect(auth0({ ...options, machines: true, record: { maxLifetimeSeconds: 60 } })).toMatchObject({
    machines: { accepted: true },
    maxLifetimeSeconds: 60,
  });
  expect(() => auth0({ ...options, domain: 'https://tenant.eu.auth0.com/api' })).toThrow(/^domain: must be the name/);
});
