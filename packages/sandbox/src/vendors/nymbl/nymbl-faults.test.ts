import { decodeJwt } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox, type SandboxVendor } from '../../index.ts';
import { failRoute } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField, type ReadResponse } from '../../testing/request.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const mixUpCustomers = (vendor: SandboxVendor) => sandbox.setFaults([{ vendor, fault: { type: 'wrong-user' } }]);
const invalidQuery = {
  code: 'InvalidFilter',
  message: 'The query specified in the URI is not valid.',
  details: expect.any(String),
};

function grant(): Promise<ReadResponse> {
  return postForm(`${sandbox.urls.nymblIdp}/oauth2/token`, {
    grant_type: 'client_credentials',
    client_id: sandboxCredentials.nymbl.clientId,
    client_secret: sandboxCredentials.nymbl.clientSecret,
    scope: 'nymbl-customer-api/acme-corp',
  });
}

const headersWith = (granted: ReadResponse) => ({
  authorization: `Bearer ${textField(granted, 'access_token')}`,
  'x-api-key': sandboxCredentials.nymbl.apiKey,
});

test.each<[SandboxVendor, string, number, unknown]>([
  ['nymbl', 'GET /Patients', 400, { error: invalidQuery }],
  [
    'nymbl',
    'GET /Patients',
    404,
    { error: expect.objectContaining({ code: 'NotFound', details: expect.any(String) }) },
  ],
  ['nymbl', 'GET /Patients', 401, { message: 'Unauthorized' }],
  ['nymbl', 'GET /Patients', 403, { message: 'Forbidden' }],
  ['nymbl', 'GET /Patients', 429, { message: 'Too Many Requests' }],
  ['nymbl', 'GET /Patients', 503, { message: 'Service Unavailable' }],
  ['nymbl-idp', 'POST /oauth2/token', 400, { error: 'invalid_client' }],
  ['nymbl-idp', 'POST /oauth2/token', 401, { error: 'invalid_client' }],
  ['nymbl-idp', 'POST /oauth2/token', 429, { error: 'invalid_request' }],
  ['nymbl-idp', 'POST /oauth2/token', 500, { error: 'server_error' }],
  ['nymbl-idp', 'GET /.well-known/jwks.json', 400, { error: 'invalid_request' }],
])('a fault of %s at %s with status %i sends the vendor’s body', async (vendor, route, status, body) => {
  const response = await failRoute(sandbox, vendor, route, status);
  expect([response.status, response.fields]).toEqual([status, body]);
});

test('with wrong-user, Nymbl lists, reads and creates patients of the other customer', async () => {
  const headers = headersWith(await grant());
  const { nymbl } = sandbox.urls;
  mixUpCustomers('nymbl');
  const [first] = sandbox.nymbl.patients('globex');
  const listed = await request(`${nymbl}/Patients`, { headers });
  expect(listed.fields['value']).toEqual(sandbox.nymbl.patients('globex'));
  expect((await request(`${nymbl}/Patients('acme-corp-2')`, { headers })).fields).toMatchObject({ ...first });
  expect(textField(await postJson(`${nymbl}/Patients`, {}, headers), 'id')).toMatch(/^globex-/);
});

test('with wrong-user, Nymbl’s token endpoint issues a token for the other customer', async () => {
  mixUpCustomers('nymbl-idp');
  const granted = await grant();
  expect(decodeJwt(textField(granted, 'access_token'))['scope']).toBe('nymbl-customer-api/globex');
  const listed = await request(`${sandbox.urls.nymbl}/Patients`, { headers: headersWith(granted) });
  expect(listed.fields['value']).toEqual(sandbox.nymbl.patients('globex'));
});
