import { test, expect } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { supabase } from './supabase.ts';

const url = 'https://abcdefghijklmnopqrst.supabase.co';
const issuer = `${url}/auth/v1`;
const claims = {
  iss: issuer,
  sub: '5f0e9a6c-1111-4222-8333-444455556666',
  aud: 'authenticated',
  role: 'authenticated',
  session_id: 's',
  aal: 'aal1',
  is_anonymous: false,
};

testProvider('supabase', {
  record: supabase({ url }),
  algorithm: 'ES256',
  claims,
  accepted: [['the access token of a session', {}, { issuer }]],
  refused: [
    ["an OAuth client's token of the same project", { client_id: 'c' }, {}, 'forbidden_claim', 'oauthClients'],
    ['a token with a shared secret', {}, { alg: 'HS256' }, 'algorithm_not_allowed', 'JWT Keys'],
    ['the anon key', { iss: 'supabase', role: 'anon' }, { alg: 'HS256' }, 'unknown_issuer', 'anon'],
    ['the token of an anonymous user', { is_anonymous: true }, {}, 'anonymous_user', 'set anonymous to true'],
    ["another project's token", { iss: issuer.replace('abc', 'xyz') }, {}, 'unknown_issuer', 'access_token'],
    ['an ID token', { aud: 'c', nonce: 'n' }, {}, 'wrong_token_type', 'access token'],
    ['a token of a service role', { role: 'service_role' }, {}, 'missing_claim', 'access_token'],
  ],
});

testProvider('supabase with an OAuth client', {
  record: supabase({ url, oauthClients: 'c', anonymous: true }),
  algorithm: 'ES256',
  claims,
  accepted: [
    ['the access token of a session', {}, { issuer }],
    ["the client's token", { client_id: 'c' }, { issuer }],
    ['the token of an anonymous user', { is_anonymous: true }, { issuer }],
  ],
  refused: [["another client's token", { client_id: 'd' }, {}, 'wrong_client', 'oauthClients']],
});

test('supabase: a key of the project leads to the token of the session', async () => {
  await expectRefusal(createVerifierOf(supabase({ url })), 'sb_publishable_abc', 'malformed_token', 'access_token');
  expect(() => supabase({ url: issuer })).toThrow(/without \/auth\/v1/);
});
