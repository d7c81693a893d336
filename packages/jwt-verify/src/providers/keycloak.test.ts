import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { keycloak } from './keycloak.ts';

const issuer = 'https://id.example.com/realms/main';
const options = { url: 'https://id.example.com/', realm: 'main', audience: 'my-api' };

testProvider('keycloak', {
  record: keycloak({ ...options, clientIds: 'web' }),
  algorithm: 'RS256',
  claims: { iss: issuer, sub: 'u', aud: ['my-api', 'account'], typ: 'Bearer', azp: 'web', scope: 'profile' },
  accepted: [
    ['the access token of a person', {}, { issuer, subject: 'u', scopes: ['profile'] }],
    ['an access token of a version before 24, with a nonce', { nonce: 'n' }, { issuer }],
  ],
  refused: [
    ["another client's token", { azp: 'other' }, {}, 'wrong_client', 'clientIds'],
    ['a token without an audience mapper', { aud: 'account' }, {}, 'wrong_audience', 'Audience mapper'],
    [
      "a machine's token",
      { client_id: 'web', preferred_username: 'service-account-web' },
      {},
      'machine_token',
      'machines',
    ],
    ...['trrtcc', 'trltcc', 'onrtcc', 'onltcc', 'ofrtcc', 'ofltcc'].map(
      (prefix) =>
        [
          `a machine's token that only its jti ${prefix} marks`,
          { jti: `${prefix}:1`, scope: undefined },
          {},
          'machine_token',
          'machines',
        ] as const,
    ),
    ['an ID token', { typ: 'ID', aud: 'web' }, {}, 'wrong_token_type', 'access token'],
    ['an ID token for the API, with a nonce', { typ: 'ID', nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
    ['a token with a nonce and without typ', { typ: undefined, nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
    ['a refresh token', { typ: 'Refresh' }, {}, 'wrong_token_type', 'refresh token'],
    ['a token without sub', { sub: undefined }, {}, 'malformed_subject', 'basic'],
    ["another realm's token", { iss: 'https://id.example.com/realms/other' }, {}, 'unknown_issuer', 'hostname'],
  ],
});

test('keycloak refuses a URL with the realm in it', () => {
  expect(() => keycloak({ ...options, url: issuer })).toThrow(
    /^url: must be the URL of the server, without \/realms\//,
  );
  expect(() => keycloak({ ...options, otherUrls: [issuer] })).toThrow(/^otherUrls.0: must be the URL of the server/);
});

test('keycloak refuses the audience account', () => {
  expect(() => keycloak({ ...options, audience: ['my-api', 'account'] })).toThrow(/^audience: must not be account/);
});
