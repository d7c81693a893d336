import { expect, test } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { stytch } from './stytch.ts';

const projectId = 'project-live-11111111-2222-4333-8444-555555555555';
const issuer = `stytch.com/${projectId}`;

testProvider('stytch', {
  record: stytch({ projectId, baseUrl: 'https://login.example.com/' }),
  algorithm: 'RS256',
  lifetimeSeconds: 300,
  claims: { iss: issuer, sub: 'user-live-1', aud: [projectId], 'https://stytch.com/session': { id: 's' } },
  accepted: [
    ['the session JWT of a person', {}, { issuer, subject: 'user-live-1' }],
    ['a token of the custom base URL', { iss: 'https://login.example.com' }, { issuer }],
  ],
  refused: [
    ["a Connected App's token", { client_id: 'c' }, {}, 'forbidden_claim', 'session_jwt'],
    ["a machine's token", { 'https://stytch.com/session': undefined }, {}, 'missing_claim', 'session_jwt'],
    ["another project's token", { iss: 'stytch.com/project-test-1' }, {}, 'unknown_issuer', 'Test and live'],
    ['a token without typ', {}, { typ: undefined }, 'wrong_header', 'session_jwt'],
    ['an ID token', { aud: 'c' }, {}, 'wrong_audience', 'session_jwt'],
  ],
});

test('stytch: a session token leads to the JWT, and the keys follow the project', async () => {
  const record = stytch({ projectId: 'project-test-1', product: 'b2b' });
  await expectRefusal(
    createVerifierOf(record),
    'mZAYn5aLEqKUlZ_Ad9U_fWr38GaAQ1oFAhT8ds245v7Q',
    'malformed_token',
    'session_jwt',
  );
  expect(record.jwksUri).toBe('https://test.stytch.com/v1/b2b/sessions/jwks/project-test-1');
  expect(stytch({ projectId }).jwksUri).toBe(`https://api.stytch.com/v1/sessions/jwks/${projectId}`);
  expect(() => stytch({ projectId: 'p' })).toThrow(/^projectId: must begin/);
});
