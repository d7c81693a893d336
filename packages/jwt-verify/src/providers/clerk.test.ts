import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { clerk } from './clerk.ts';

const domain = 'clerk.example.com';
const issuer = 'https://clerk.example.com';
const origins = 'https://app.example.com';
const claims = {
  iss: issuer,
  sub: 'user_1',
  azp: origins,
  sid: 'sess_1',
  v: 2,
  sts: 'active',
  fea: 'o:docs,o:bills',
  o: { id: 'org_1', per: 'read,write', fpm: '1,2' },
};

testProvider('clerk session tokens', {
  record: clerk({ domain, origins }),
  algorithm: 'RS256',
  lifetimeSeconds: 60,
  claims,
  accepted: [
    [
      'a session token of version 2, whose permissions lack their features',
      {},
      { issuer, subject: 'user_1', scopes: [] },
    ],
    ['a session token of version 1', { v: 1, org_permissions: ['org:docs:read'] }, { scopes: ['org:docs:read'] }],
  ],
  refused: [
    ["another origin's token", { azp: 'https://evil.example' }, {}, 'wrong_client', 'origins'],
    ["a native app's token", { azp: undefined }, {}, 'wrong_client', 'nativeApps'],
    ["a machine's token", { sub: 'mch_1' }, {}, 'machine_token', 'set machines to true'],
    ['a pending session', { sts: 'pending' }, {}, 'forbidden_claim', 'organization'],
    ['a token of a person who acts for the user', { act: { sub: 'user_2' } }, {}, 'forbidden_claim', 'impersonation'],
    ['the token of a template', { sid: undefined, aud: 'api' }, {}, 'missing_claim', 'template'],
    ['an OAuth token', { client_id: 'c' }, { typ: 'at+jwt' }, 'wrong_header', 'oauth'],
    ["another instance's token", { iss: 'https://dev-1.clerk.accounts.dev' }, {}, 'unknown_issuer', 'Development'],
  ],
});

testProvider('clerk tokens of a template', {
  record: clerk({ domain, origins, token: 'template', audience: 'api', nativeApps: true }),
  algorithm: 'RS256',
  claims: { iss: issuer, sub: 'user_1', aud: 'api' },
  accepted: [
    ["a native app's token", {}, { issuer }],
    ["a web app's token", { azp: origins }, { issuer }],
  ],
  refused: [
    ["another origin's token", { azp: 'https://evil.example' }, {}, 'wrong_client', 'origins'],
    ['a token of a person who acts for the user', { act: { sub: 'user_2' } }, {}, 'forbidden_claim', 'impersonation'],
    ['a session token', { aud: undefined, sid: 's' }, {}, 'wrong_audience', 'template'],
  ],
});

testProvider('clerk session tokens with impersonation', {
  record: clerk({ domain, origins, impersonation: true }),
  algorithm: 'RS256',
  claims,
  accepted: [['a token of a person who acts for the user', { act: { sub: 'user_2' } }, { issuer, subject: 'user_1' }]],
  refused: [['a pending session', { sts: 'pending' }, {}, 'forbidden_claim', 'organization']],
});

testProvider('clerk OAuth tokens', {
  record: clerk({ domain, token: 'oauth', clientIds: 'c' }),
  algorithm: 'RS256',
  header: { typ: 'at+jwt' },
  claims: { iss: issuer, sub: 'user_1', client_id: 'c', scp: ['email'] },
  accepted: [['the access token of a person', {}, { issuer, scopes: ['email'] }]],
  refused: [["another app's token", { client_id: 'd' }, {}, 'wrong_client', 'clientIds']],
});

testProvider('clerk session tokens of native apps alone', {
  record: clerk({ domain, nativeApps: true }),
  algorithm: 'RS256',
  claims: { ...claims, azp: undefined },
  accepted: [["a native app's token", {}, { issuer, subject: 'user_1' }]],
  refused: [["a web app's token", { azp: origins }, {}, 'forbidden_claim', 'origins']],
});

testProvider('clerk session tokens behind a proxy of the Frontend API', {
  record: clerk({ domain: 'https://app.example.com/__clerk/', origins: ['myapp://host', 'http://localhost:3000'] }),
  algorithm: 'RS256',
  claims: { ...claims, iss: 'https://app.example.com/__clerk', azp: 'http://localhost:3000' },
  accepted: [['the session token of a person', {}, { issuer: 'https://app.example.com/__clerk' }]],
  refused: [['a token without the path', { iss: 'https://app.example.com' }, {}, 'unknown_issuer', 'domain']],
});

test.each([
  [{ domain, origins: 'https://app.example.com/' }, /^origins: must be an origin/],
  [{ domain, origins: ['app.example.com'] }, /^origins.0: must be an origin/],
  [{ domain, origins: 'https://app.example.com/path' }, /^origins: must be an origin/],
  [{ domain: 'clerk.example.com?x', origins }, /^domain: must be/],
  [{ domain }, /^origins: is missing/],
  [{ domain, origins, token: 'template' as const }, /^audience: is missing/],
  [{ domain, token: 'oauth' as const }, /^clientIds: is for OAuth/],
  [{ domain, origins, clientIds: 'c' }, /^clientIds: is for OAuth/],
])('clerk refuses the options %j', (options, message) => {
  expect(() => clerk(options)).toThrow(message);
});
