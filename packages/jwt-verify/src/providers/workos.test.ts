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

test('workos refuses a client id that is none', () => {
  expect(() => workos({ clientId: 'environment_1' })).toThrow(/^clientId: must begin with client_$/);
});
