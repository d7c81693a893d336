import { test } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { google } from './google.ts';

const issuer = 'https://accounts.google.com';
const clientIds = '1-server.apps.googleusercontent.com';

testProvider('google', {
  record: google({ clientIds, hostedDomains: 'example.com' }),
  algorithm: 'RS256',
  claims: {
    iss: issuer,
    aud: clientIds,
    azp: '1-phone.apps.googleusercontent.com',
    sub: '10769150350006150715113082367',
    hd: 'example.com',
  },
  accepted: [
    ['the ID token of a person', {}, { issuer }],
    ['a token with the bare iss', { iss: 'accounts.google.com' }, { issuer }],
  ],
  refused: [
    ["another app's token", { aud: '2-other.apps.googleusercontent.com' }, {}, 'wrong_audience', "server's client id"],
    ["another domain's token", { hd: 'other.example' }, {}, 'missing_claim', 'Workspace domain'],
    ['the token of a private account', { hd: undefined }, {}, 'missing_claim', 'Workspace domain'],
    [
      "a service account's token without email",
      { azp: 'sa@my-project.iam.gserviceaccount.com' },
      {},
      'machine_token',
      'set machines to true',
    ],
  ],
});

test('google: an access token leads to the ID token', async () => {
  await expectRefusal(
    createVerifierOf(google({ clientIds })),
    'ya29.a0AfH6SMB',
    'malformed_token',
    'Send the ID token',
  );
});
