import { expect, test } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { betterAuth } from './better-auth.ts';

const baseUrl = 'https://app.example.com';

testProvider('better-auth with the plugin jwt', {
  record: betterAuth({ baseUrl, audience: 'https://api.example.com' }),
  algorithm: 'EdDSA',
  header: {},
  claims: { iss: baseUrl, aud: 'https://api.example.com', sub: 'u', id: 'u', emailVerified: true },
  accepted: [
    ['the JWT of a person', {}, { issuer: baseUrl }],
    ['a token whose iss has the path', { iss: `${baseUrl}/api/auth` }, { issuer: baseUrl }],
  ],
  refused: [
    ["an OAuth client's token", { client_id: 'c' }, { typ: 'at+jwt' }, 'forbidden_claim', 'oauth-provider'],
    ["an OAuth client's token with azp", { azp: 'c' }, {}, 'forbidden_claim', 'oauth-provider'],
    ['a token for the server itself', { aud: baseUrl }, {}, 'wrong_audience', 'jwt.audience'],
    ['the token of an anonymous user', { isAnonymous: true }, {}, 'anonymous_user', 'set anonymous to true'],
    ["another environment's token", { iss: 'https://dev.example.com' }, {}, 'unknown_issuer', 'environment'],
    ['an ID token', { nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
  ],
});

testProvider('better-auth with the plugin oauth-provider', {
  record: betterAuth({ baseUrl, plugin: 'oauth-provider', clientIds: 'c' }),
  algorithm: 'EdDSA',
  header: { typ: 'at+jwt' },
  claims: { iss: `${baseUrl}/api/auth`, aud: baseUrl, sub: 'u', client_id: 'c', azp: 'c', scope: 'read' },
  accepted: [['the access token of a person', {}, { issuer: baseUrl, scopes: ['read'] }]],
  refused: [
    ["another client's token", { client_id: 'd', azp: 'd' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'c' }, {}, 'machine_token', 'set machines to true'],
  ],
});

test('better-auth: a session token leads to the JWT, and clientIds need the plugin that names clients', async () => {
  await expectRefusal(createVerifierOf(betterAuth({ baseUrl })), 'session', 'malformed_token', '/api/auth/token');
  expect(() => betterAuth({ baseUrl, clientIds: 'c' })).toThrow(/^clientIds: is for the plugin oauth-provider/);
  expect(() => betterAuth({ baseUrl: `${baseUrl}/api/auth/` })).toThrow(/^baseUrl: must be the URL without basePath/);
  expect(() => betterAuth({ baseUrl: 'app.example.com' })).toThrow(/^baseUrl: must be an https URL$/);
});
