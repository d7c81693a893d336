import { expect, test } from 'vitest';
import { createVerifierOf, expectRefusal, testProvider } from '../testing/provider-tests.ts';
import { logto } from './logto.ts';

const issuer = 'https://tenant.logto.app/oidc';
const options = { endpoint: 'https://tenant.logto.app/', audience: 'https://api.example.com' };

testProvider('logto', {
  record: logto({ ...options, clientIds: 'web', organizations: 'org1' }),
  algorithm: 'ES384',
  header: { typ: 'at+jwt' },
  claims: {
    iss: issuer,
    sub: 'u',
    aud: 'https://api.example.com',
    client_id: 'web',
    scope: 'read',
    organization_id: 'org1',
  },
  accepted: [['the access token of a person', {}, { issuer, scopes: ['read'] }]],
  refused: [
    ["another app's token", { client_id: 'other' }, {}, 'wrong_client', 'clientIds'],
    ["a machine's token", { sub: 'web' }, {}, 'machine_token', 'set machines to true'],
    ['an ID token', { aud: 'web' }, { typ: 'JWT' }, 'wrong_token_type', 'resource'],
    ["another organization's token", { organization_id: 'org2' }, {}, 'missing_claim', 'organization'],
    ['an organization token', { aud: 'urn:logto:organization:org1' }, {}, 'wrong_audience', 'organization token'],
    ["another tenant's token", { iss: 'https://other.logto.app/oidc' }, {}, 'unknown_issuer', 'iss'],
  ],
});

test('logto refuses an endpoint with the path of the issuer', () => {
  expect(() => logto({ ...options, endpoint: 'https://tenant.logto.app/oidc/' })).toThrow(
    /^endpoint: must be the endpoint without \/oidc$/,
  );
});

test('logto: an opaque token leads to the resource', async () => {
  await expectRefusal(createVerifierOf(logto(options)), 'opaque-token', 'malformed_token', 'https://api.example.com');
});
