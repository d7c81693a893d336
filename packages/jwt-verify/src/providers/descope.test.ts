import { testProvider } from '../testing/provider-tests.ts';
import { descope } from './descope.ts';

const issuer = 'https://api.descope.com/P2abc';
const claims = { iss: issuer, sub: 'U2abc', drn: 'DS', amr: ['email'], permissions: ['read'] };

testProvider('descope', {
  record: descope({ projectId: 'P2abc' }),
  algorithm: 'RS256',
  claims,
  accepted: [
    ['the session token of a person', {}, { issuer, scopes: ['read'] }],
    ['a token whose iss is the project id', { iss: 'P2abc' }, { issuer }],
    ['a token of the OIDC issuer', { iss: 'https://api.descope.com/v1/apps/P2abc' }, { issuer }],
  ],
  refused: [
    ['a refresh token', { drn: 'DSR' }, {}, 'missing_claim', 'session token'],
    [
      'a token of an agentic server',
      { iss: 'https://api.descope.com/v1/apps/agentic/P2abc/s' },
      {},
      'unknown_issuer',
      'agentic',
    ],
    ["another project's token", { iss: 'P2xyz' }, {}, 'unknown_issuer', 'iss'],
    ['an ID token', { nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
    ["an access key's token", { sub: 'K2abc', amr: undefined }, {}, 'machine_token', 'set machines to true'],
    ["an access key's token of another region", { sub: 'Keuc12abc' }, {}, 'machine_token', 'set machines to true'],
    ["an inbound app's token", { client_id: 'c' }, {}, 'forbidden_claim', 'oauthClients'],
    ["an inbound app's token with azp", { azp: 'c' }, {}, 'forbidden_claim', 'oauthClients'],
    ['a token of a person who acts for the user', { act: { sub: 'U2xyz' } }, {}, 'forbidden_claim', 'impersonation'],
  ],
});

testProvider('descope with an inbound app and impersonation', {
  record: descope({ projectId: 'P2abc', oauthClients: 'c', impersonation: true }),
  algorithm: 'RS256',
  claims,
  accepted: [
    ['the session token of a person', {}, { issuer }],
    ["the app's token", { azp: 'c' }, { issuer }],
    ['a token of a person who acts for the user', { act: { sub: 'U2xyz' } }, { issuer }],
  ],
  refused: [
    ["another app's token", { azp: 'd' }, {}, 'wrong_client', 'oauthClients'],
    ["a machine's token", { sub: 'c', client_id: 'c' }, {}, 'machine_token', 'set machines to true'],
  ],
});

testProvider('descope with tenants and an audience', {
  record: descope({ projectId: 'P2abc', tenants: 'T1', audience: 'P2abc' }),
  algorithm: 'RS256',
  claims: { ...claims, dct: 'T1', aud: ['P2abc'] },
  accepted: [["an accepted tenant's token", {}, { issuer }]],
  refused: [
    ["another tenant's token", { dct: 'T2' }, {}, 'missing_claim', 'option tenants'],
    ['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'JWT template'],
  ],
});
