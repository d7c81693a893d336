import { expect, test } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { zitadel } from './zitadel.ts';

const issuer = 'https://instance.zitadel.cloud';
const record = zitadel({ domain: 'instance.zitadel.cloud', clientIds: '101', projectId: '900' });
const roles = 'urn:zitadel:iam:org:project:roles';

testProvider('zitadel', {
  record,
  algorithm: 'RS256',
  claims: { iss: issuer, sub: '42', aud: ['101', '102', '900'], client_id: '101', [roles]: { admin: { 7: 'x' } } },
  accepted: [['the access token of a person', {}, { issuer, scopes: ['admin'] }]],
  refused: [
    ["another application's token of the same project", { client_id: '102' }, {}, 'wrong_client', 'proves nothing'],
    ["another project's token", { aud: ['101'] }, {}, 'wrong_audience', 'urn:zitadel:iam:org:project:id'],
    ['an ID token', { azp: '101' }, {}, 'wrong_token_type', 'access token'],
    ["a machine's token", { sub: '101' }, {}, 'machine_token', 'set machines to true'],
    ["another instance's token", { iss: 'https://other.zitadel.cloud' }, {}, 'unknown_issuer', 'iss'],
  ],
});

test('zitadel: an opaque token leads to the token type, and the application is required', async () => {
  await expectRefusal(createVerifierOf(record), 'opaque-token', 'malformed_token', 'JWT');
  expect(zitadel({ domain: 'instance.zitadel.cloud', clientIds: '101' }).audiences).toBeNull();
  expect(() => zitadel({ domain: 'instance.zitadel.cloud' } as never)).toThrow(/^clientIds: /);
});
