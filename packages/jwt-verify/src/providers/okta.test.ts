import { expect, test } from 'vitest';
import { testProvider } from '../testing/provider-tests.ts';
import { okta } from './okta.ts';

const issuer = 'https://acme.okta.com/oauth2/default';

testProvider('okta', {
  record: okta({ domain: 'acme.okta.com', otherDomains: ['login.example.com'], clientIds: '0oa1' }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: issuer, sub: 'alice@example.com', uid: '00u1', cid: '0oa1', aud: 'api://default', scp: ['openid'] },
  accepted: [
    ['the access token of a person', {}, { issuer, subject: '00u1', scopes: ['openid'] }],
    ['a token of a custom domain', { iss: 'https://login.example.com/oauth2/default' }, { issuer, subject: '00u1' }],
  ],
  refused: [
    ["another app's token", { cid: '0oa2' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: '0oa1', uid: undefined }, {}, 'machine_token', 'set machines to true'],
    [
      'an ID token',
      { aud: '0oa1', nonce: 'n', cid: undefined, uid: undefined },
      {},
      'wrong_token_type',
      'access token',
    ],
    ['an ID token without nonce', { aud: '0oa1', cid: undefined }, {}, 'wrong_token_type', 'ID token'],
    ["the org server's ID token", { iss: 'https://acme.okta.com', aud: '0oa1' }, {}, 'unknown_issuer', 'org server'],
    ["another org's token", { iss: 'https://other.okta.com/oauth2/default' }, {}, 'unknown_issuer', 'sign in at'],
  ],
});

testProvider('okta with machines', {
  record: okta({ domain: 'acme.okta.com', machines: true }),
  algorithm: 'RS256',
  header: {},
  claims: { iss: issuer, sub: '0oa1', cid: '0oa1', aud: 'api://default', scp: ['read'] },
  accepted: [
    ['the token of a service', {}, { issuer, subject: 'machine:0oa1', scopes: ['read'] }],
    ['the token of a service with a sub of its own', { sub: 'reports' }, { subject: 'machine:0oa1' }],
    ['the access token of a person', { sub: 'alice@example.com', uid: '00u1' }, { subject: '00u1' }],
    ['the access token of a person whose login is a client id', { uid: '00u1' }, { subject: '00u1' }],
  ],
  refused: [
    [
      'an ID token',
      { sub: '00u1', aud: ['0oa1', 'api://default'], cid: undefined },
      {},
      'wrong_token_type',
      'ID token',
    ],
  ],
});

test.each([
  [{ domain: 'acme-admin.okta.com' }, /^domain: must be the domain without -admin$/],
  [{ domain: 'acme.okta.com', authorizationServer: 'org' }, /^authorizationServer: must be a custom/],
])('okta refuses the options %j', (options, message) => {
  expect(() => okta(options)).toThrow(message);
});
