import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { createVirtualClock, type VirtualClock } from '../../testing/virtual-clock.ts';
import { changeState } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField } from '../../testing/request.ts';

const { clientId, clientSecret, apiKey } = sandboxCredentials.nymbl;

let clock: VirtualClock;
let sandbox: Sandbox;
beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = await createSandbox({ clock });
});
afterEach(() => sandbox.close());

const grant = (changes: Readonly<Record<string, string>> = {}) =>
  postForm(`${sandbox.urls.nymblIdp}/oauth2/token`, {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
    scope: 'nymbl-customer-api/acme-corp',
    ...changes,
  });
const credentials = async (customer = 'acme-corp') => ({
  authorization: `Bearer ${textField(await grant({ scope: `nymbl-customer-api/${customer}` }), 'access_token')}`,
  'x-api-key': apiKey,
});
const get = (path: string, headers: Readonly<Record<string, string>>) =>
  request(`${sandbox.urls.nymbl}${path}`, { headers });

test.each([
  [{ client_secret: 'wrong' }, 'invalid_client'],
  [{ client_id: 'wrong' }, 'invalid_client'],
  [{ scope: 'nymbl-customer-api/' }, 'invalid_scope'],
  [{ scope: '' }, 'invalid_scope'],
  [{ grant_type: 'password' }, 'unsupported_grant_type'],
])('Nymbl’s token endpoint refuses a grant of %j with 400 %s', async (changes, error) => {
  const response = await grant(changes);
  expect([response.status, response.fields]).toEqual([400, { error }]);
});

test('Nymbl’s token endpoint refuses a client that sends its secret in the header and in the body', async () => {
  const url = `${sandbox.urls.nymblIdp}/oauth2/token`;
  const headers = { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` };
  const form = { grant_type: 'client_credentials', scope: 'nymbl-customer-api/acme-corp' };
  expect((await postForm(url, form, headers)).status).toBe(200);
  expect(await postForm(url, { ...form, client_secret: clientSecret }, headers)).toMatchObject({
    status: 400,
    fields: { error: 'invalid_request' },
  });
});

test('Nymbl’s token endpoint refuses a body that is not a form and a field that repeats', async () => {
  expect((await postJson(`${sandbox.urls.nymblIdp}/oauth2/token`, {})).fields).toEqual({ error: 'invalid_request' });
  const body = new URLSearchParams([
    ['scope', 'a'],
    ['scope', 'b'],
  ]);
  const twice = await request(`${sandbox.urls.nymblIdp}/oauth2/token`, { method: 'POST', body });
  expect(twice.fields).toEqual({ error: 'invalid_request' });
});

test('Nymbl returns only the patients of the customer that the token names', async () => {
  const acme = await get('/Patients', await credentials('acme-corp'));
  expect(acme.headers.get('odata-version')).toBe('4.0');
  expect(acme.fields['@odata.context']).toBe(`${sandbox.urls.nymbl}/$metadata#Patients`);
  expect(acme.fields['value']).toEqual(sandbox.nymbl.patients('acme-corp'));
  const globex = await get('/Patients', await credentials('globex'));
  expect(globex.fields['value']).toEqual(sandbox.nymbl.patients('globex'));
  expect(await get("/Patients('globex-1')", await credentials('acme-corp'))).toMatchObject({
    status: 404,
    fields: { error: { code: 'NotFound' } },
  });
});

test('a simulated patient has the property names of Nymbl’s page about patients', () => {
  expect(sandbox.nymbl.patients('acme-corp')[0]).toEqual({
    id: 'acme-corp-1',
    active: true,
    first_name: 'Ada',
    last_name: 'Acme',
    dob: '1980-06-15',
    email: 'ada@acme-corp.example',
  });
});

test('Nymbl runs a query, and refuses an invalid one in the words of its page', async () => {
  const headers = await credentials();
  const counted = await get('/Patients?$count=true&$select=id&$top=1', headers);
  expect(counted.fields).toMatchObject({ '@odata.count': 3, value: [{ id: 'acme-corp-1' }] });
  const found = await get("/Patients?$filter=active eq true and startswith(first_name,'G')&$top=500", headers);
  expect(found.fields['value']).toMatchObject([{ id: 'acme-corp-2' }]);
  const refused = await get("/Patients?$filter=invalid_field eq 'x'", headers);
  const words = {
    code: 'InvalidFilter',
    message: 'The query specified in the URI is not valid.',
    details: "Property 'invalid_field' does not exist on type 'Patient'",
  };
  expect([refused.status, refused.fields]).toEqual([400, { error: words }]);
});

test('Nymbl expands appointments and their types, for a list of patients and for one patient', async () => {
  const headers = await credentials();
  const expand = "$select=id&$expand=Appointments($filter=status eq 'Scheduled';$select=id;$expand=AppointmentTypes)";
  const expected = {
    id: 'acme-corp-1',
    Appointments: [
      { id: 'acme-corp-1-appointment-2', AppointmentTypes: [expect.objectContaining({ name: 'Follow-Up' })] },
    ],
  };
  const all = await get(`/Patients?$top=1&${expand}`, headers);
  expect(all.fields['value']).toEqual([expected]);
  expect((await get(`/Patients('acme-corp-1')?${expand}`, headers)).fields).toEqual({
    '@odata.context': expect.any(String),
    ...expected,
  });
  const physicians = await get("/Patients('acme-corp-1')?$expand=Appointments($expand=Physicians)", headers);
  expect(physicians.fields['Appointments']).toMatchObject([{ Physicians: [] }, { Physicians: [] }]);
  const wrong = await get("/Patients('acme-corp-1')?$expand=Bills", headers);
  expect(wrong).toMatchObject({ status: 400, fields: { error: { code: 'InvalidExpand' } } });
});

test('Nymbl filters by a property that only a created patient has', async () => {
  const headers = await credentials();
  expect((await get("/Patients?$filter=shoe eq 'left'", headers)).status).toBe(400);
  await postJson(`${sandbox.urls.nymbl}/Patients`, { shoe: 'left' }, headers);
  expect((await get("/Patients?$filter=shoe eq 'left'", headers)).fields['value']).toHaveLength(1);
});

test.each([
  ['GET', '/Bills'],
  ['PATCH', '/Patients'],
  ['DELETE', '/Patients(1)'],
])('Nymbl’s gateway responds 403 to the unknown call %s %s, without checking credentials', async (method, path) => {
  const response = await request(`${sandbox.urls.nymbl}${path}`, { method });
  expect([response.status, response.fields]).toEqual([403, { message: 'Missing Authentication Token' }]);
});

test('Nymbl creates a patient for the customer of the token', async () => {
  const created = await postJson(
    `${sandbox.urls.nymbl}/Patients`,
    { firstName: 'Edsger' },
    await credentials('globex'),
  );
  expect([created.status, created.fields['firstName']]).toEqual([201, 'Edsger']);
  const read = await get(`/Patients('${textField(created, 'id')}')`, await credentials('globex'));
  expect(read.fields['firstName']).toBe('Edsger');
  expect(sandbox.nymbl.patients('acme-corp')).toHaveLength(3);
  expect(
    (await request(`${sandbox.urls.nymbl}/Patients`, { method: 'POST', body: '[]', headers: await credentials() }))
      .status,
  ).toBe(400);
});

test('Nymbl’s gateway refuses a missing, misspelt, expired or revoked token, and a missing or wrong API key', async () => {
  const good = await credentials();
  const unauthorized = { status: 401, fields: { message: 'Unauthorized' } };
  expect(await get('/Patients', { 'x-api-key': apiKey })).toMatchObject(unauthorized);
  expect(await get('/Patients', { ...good, authorization: 'Bearer x.y.z' })).toMatchObject(unauthorized);
  expect(
    await get('/Patients', { ...good, authorization: good.authorization.replace('Bearer', 'bearer') }),
  ).toMatchObject(unauthorized);
  const forbidden = { status: 403, fields: { message: 'Forbidden' } };
  expect(await get('/Patients', { authorization: good.authorization })).toMatchObject(forbidden);
  expect(await get('/Patients', { ...good, 'x-api-key': 'wrong' })).toMatchObject(forbidden);
  sandbox.nymbl.revokeTokens();
  expect(await get('/Patients', good)).toMatchObject(unauthorized);
  const next = await credentials();
  clock.advanceSeconds(299);
  expect((await get('/Patients', next)).status).toBe(200);
  clock.advanceSeconds(2);
  expect(await get('/Patients', next)).toMatchObject({
    status: 401,
    fields: { message: 'The incoming token has expired' },
  });
});

test('Nymbl enforces its documented limit when rate limiting is on: bursts of five, two requests a second', async () => {
  sandbox.nymbl.setRateLimited(true);
  const good = await credentials();
  const statuses = async (count: number) => {
    const responses = await Promise.all(Array.from({ length: count }, () => get('/Patients', good)));
    return responses.map(({ status }) => status).toSorted();
  };
  expect(await statuses(7)).toEqual([200, 200, 200, 200, 200, 429, 429]);
  clock.advanceSeconds(1);
  expect(await statuses(3)).toEqual([200, 200, 429]);
  expect((await get('/Patients', good)).fields).toEqual({ message: 'Too Many Requests' });
  expect((await get('/Patients', await credentials('globex'))).status).toBe(200);
});

test('Nymbl accepts two client secrets during a rotation, and only the API keys that are set', async () => {
  sandbox.nymbl.setClientSecrets(['old', 'new']);
  expect((await grant()).fields).toEqual({ error: 'invalid_client' });
  expect((await grant({ client_secret: 'new' })).status).toBe(200);
  sandbox.nymbl.setApiKeys(['next']);
  const headers = {
    authorization: `Bearer ${textField(await grant({ client_secret: 'old' }), 'access_token')}`,
    'x-api-key': 'next',
  };
  expect((await get('/Patients', headers)).status).toBe(200);
});

test('POST /_state sets the secrets, API keys and limits of Nymbl and revokes its tokens', async () => {
  const list = async (token: string, key: string) =>
    (await get('/Patients', { authorization: `Bearer ${token}`, 'x-api-key': key })).status;
  const token = textField(await grant(), 'access_token');
  await changeState(sandbox, { nymbl: { setClientSecrets: ['next'] } });
  expect([(await grant()).status, (await grant({ client_secret: 'next' })).status]).toEqual([400, 200]);
  expect(await list(token, apiKey)).toBe(200);
  await changeState(sandbox, { nymbl: { revokeTokens: true } });
  expect(await list(token, apiKey)).toBe(401);
  const renewed = textField(await grant({ client_secret: 'next' }), 'access_token');
  await changeState(sandbox, { nymbl: { setApiKeys: ['next-key'], setRateLimited: true } });
  expect(await list(renewed, apiKey)).toBe(403);
  const statuses = await Promise.all(Array.from({ length: 9 }, () => list(renewed, 'next-key')));
  expect(statuses).toContain(429);
});

test('POST /_state sets the client ids of Nymbl, and a token names the client that requested it', async () => {
  await changeState(sandbox, { nymbl: { setClientIds: ['our-client', 'other-client'] } });
  expect((await grant()).fields).toEqual({ error: 'invalid_client' });
  const { sub, client_id } = decodeJwt(textField(await grant({ client_id: 'other-client' }), 'access_token'));
  expect([sub, client_id]).toEqual(['other-client', 'other-client']);
});

test('POST /_state rotates the signing keys of Nymbl’s token endpoint', async () => {
  const kid = async () => decodeProtectedHeader(textField(await grant(), 'access_token')).kid;
  const before = await kid();
  expect(await kid()).toBe(before);
  await changeState(sandbox, { keys: { rotate: ['nymbl-idp'] } });
  expect(await kid()).not.toBe(before);
});
