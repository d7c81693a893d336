import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { workos } from './workos.ts';

const clientId = 'client_01ABCDEF';
const issuer = `https://api.workos.com/user_management/${clientId}`;
const claims = {
  iss: issuer,
  sub: 'user_01',
  sid: 'session_01',
  org_id: 'org_01',
  permissions: ['read'],
  role: 'member',
};

testProvider('workos', {
  record: workos({ clientId }),
  algorithm: 'RS256',
  header: {},
  claims,
  accepted: [['the access token of a session', {}, { issuer, scopes: ['read'] }]],
  refused: [
    ["another environment's token", { iss: `${issuer}X` }, {}, 'unknown_issuer', 'sharedIssuer'],
    ['a token of an older environment', { iss: 'https://api.workos.com' }, {}, 'unknown_issuer', 'sharedIssuer'],
    ['a token of a person who acts for the user', { act: { sub: 'x' } }, {}, 'forbidden_claim', 'impersonation'],
    ["a machine's token", { sub: 'client_02', sid: undefined }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
    ["a Connect application's token", { client_id: 'client_03' }, {}, 'forbidden_claim', 'oauthClients'],
  ],
});

testProvider('workos with further forms', {
  record: workos({
    clientId,
    sharedIssuer: true,
    authDomain: 'auth.example.com',
    audience: 'api',
    impersonation: true,
  }),
  algorithm: 'RS256',
  header: {},
  claims: { ...claims, aud: 'api' },
  accepted: [
    ['a token of the shared issuer', { iss: 'https://api.workos.com' }, { issuer }],
    ['a token of a custom domain', { iss: 'https://auth.example.com' }, { issuer }],
    ['a token of a person who acts for the user', { act: { sub: 'x' } }, { issuer }],
  ],
  refused: [['a token without aud', { aud: undefined }, {}, 'wrong_audience', 'JWT template']],
});

testProvider('workos with a Connect application', {
  record: workos({ clientId, authDomain: 'auth.example.com', oauthClients: ['client_03'], machines: true }),
  algorithm: 'RS256',
  header: {},
  claims: { ...claims, iss: 'https://auth.example.com' },
  accepted: [
    ['the access token of a session', {}, { issuer }],
    ["the application's token", { client_id: 'client_03', sid: 'app_consent_01' }, { issuer, subject: 'user_01' }],
    ["the application's own token", { client_id: 'client_03', sub: 'client_03', sid: undefined }, { issuer }],
  ],
  refused: [["another application's token", { client_id: 'client_04' }, {}, 'wrong_client', 'oauthClients']],
});

test('workos refuses a client id that is none', () => {
  expect(() => workos({ clientId: 'environment_1' })).toThrow(/^clientId: must begin with client_$/);
});
