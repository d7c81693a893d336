import { test } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { hydra } from './hydra.ts';

const issuer = 'https://slug.projects.oryapis.com';
const record = hydra({ issuer, audience: 'https://api.example.com', clientIds: 'web' });

testProvider('hydra', {
  record,
  algorithm: 'RS256',
  claims: { iss: issuer, sub: 'u', aud: ['https://api.example.com'], client_id: 'web', scp: ['read'], ext: {} },
  accepted: [['the access token of a person', {}, { issuer, scopes: ['read'] }]],
  refused: [
    ["another app's token", { client_id: 'other' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'web' }, {}, 'machine_token', 'set machines to true'],
    ['a token without a granted audience', { aud: [] }, {}, 'wrong_audience', 'consent'],
    ['an ID token', { aud: ['web'], at_hash: 'h' }, {}, 'wrong_token_type', 'access token'],
    ['a token with a slash after its iss', { iss: `${issuer}/` }, {}, 'unknown_issuer', 'urls.self.issuer'],
  ],
});

test('hydra: an opaque token leads to the setting for JWTs', async () => {
  await expectRefusal(createVerifierOf(record), 'ory_at_abc', 'malformed_token', 'strategies.access_token');
});
