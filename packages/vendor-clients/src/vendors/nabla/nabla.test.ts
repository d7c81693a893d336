import { expect, test } from 'vitest';
import { fakeJwt, startVendorServer } from '../../testing/vendor-server.ts';
import { createNablaClient, nabla } from './nabla.ts';

const nowSeconds = 1_800_000_000;
const date = new Date(nowSeconds * 1_000).toUTCString();
const tokens = {
  access_token: fakeJwt({ sub: 'patient-1', iat: nowSeconds, exp: nowSeconds + 240 }),
  refresh_token: fakeJwt({ exp: nowSeconds + 9_000 }),
};
const serverKey = 'server_sandbox-only';

const issuedAt = 1_780_000_000;

test('authenticatePatient sends the documented call and reads both tokens', async () => {
  await using server = await startVendorServer({ json: tokens, headers: { date } });
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  const patient = await client.authenticatePatient('a/../b c');
  await client.close();

  expect(server.calls).toMatchObject([
    {
      method: 'GET',
      path: '/v1/server/jwt/patient/authenticate/a%2F..%2Fb%20c',
      headers: { authorization: `Bearer ${serverKey}` },
      body: '',
    },
  ]);
  expect(patient.accessToken.reveal()).toBe(tokens.access_token);
  expect(patient.refreshToken.reveal()).toBe(tokens.refresh_token);
  expect(patient.expiresInSeconds).toBe(240);
});

test('authenticatePatient rejects expired tokens, and reduces the lifetime of an older token by its age', async () => {
  const dated = { access_token: fakeJwt({ iat: 1_000, exp: 1_300 }), refresh_token: 'opaque' };
  const at = (seconds: number) => ({ json: dated, headers: { date: new Date(seconds * 1_000).toUTCString() } });
  const ended = { ...tokens, refresh_token: fakeJwt({ exp: nowSeconds - 1 }) };
  await using server = await startVendorServer(at(1_300), { json: ended, headers: { date } }, at(1_100));
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  await expect(client.authenticatePatient('patient-1')).rejects.toMatchObject({ reason: 'token_expired' });
  await expect(client.authenticatePatient('patient-1')).rejects.toMatchObject({ reason: 'token_expired' });
  expect(await client.authenticatePatient('patient-1')).toMatchObject({ expiresInSeconds: 200 });
});

test('authenticatePatient uses the configured method, and an opaque token lives for the documented five minutes', async () => {
  await using server = await startVendorServer({ json: { ...tokens, access_token: 'opaque' }, headers: { date } });
  const client = createNablaClient({ serverKey, baseUrl: server.url, method: 'POST' });
  const { expiresInSeconds } = await client.authenticatePatient('patient-1');
  expect(expiresInSeconds).toBe(300);
  expect(server.calls[0]?.method).toBe('POST');
});

test.each([
  [401, 'vendor_auth_failed'],
  [403, 'vendor_auth_failed'],
  [404, 'vendor_user_not_found'],
  [400, 'vendor_rejected'],
])('authenticatePatient rejects a response of status %i with %s', async (status, code) => {
  await using server = await startVendorServer({ status, json: { message: 'do not tell' } });
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  await expect(client.authenticatePatient('patient-1')).rejects.toMatchObject({ code, vendor: 'nabla' });
});

test.each(['', '.', '..', '\ud800'])(
  'authenticatePatient rejects the patient id %j without calling Nabla',
  async (userId) => {
    await using server = await startVendorServer({ json: tokens, headers: { date } });
    const client = createNablaClient({ serverKey, baseUrl: server.url });
    await expect(client.authenticatePatient(userId)).rejects.toMatchObject({ code: 'invalid_request' });
    expect(server.calls).toHaveLength(0);
  },
);

test('authenticatePatient rejects a response without both tokens', async () => {
  await using server = await startVendorServer({ json: { access_token: tokens.access_token } });
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  await expect(client.authenticatePatient('patient-1')).rejects.toMatchObject({
    code: 'vendor_response_invalid',
    reason: 'field:refresh_token',
  });
});

test('with `patientIdClaim`, the tokens of another patient are refused', async () => {
  await using server = await startVendorServer({ json: tokens, headers: { date } });
  const client = createNablaClient({ serverKey, baseUrl: server.url, patientIdClaim: 'sub' });
  expect((await client.authenticatePatient('patient-1')).refreshToken.reveal()).toBe(tokens.refresh_token);
  await expect(client.authenticatePatient('patient-2')).rejects.toMatchObject({ reason: 'other_user' });
  server.respond({ json: { ...tokens, access_token: 'opaque' }, headers: { date } });
  await expect(client.authenticatePatient('patient-1')).rejects.toMatchObject({ code: 'vendor_response_invalid' });
});

test('verify distinguishes a valid server key from an invalid one without requesting tokens', async () => {
  await using server = await startVendorServer({ status: 404 }, { status: 401 });
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  expect(server.calls.map(({ headers }) => headers.authorization === `Bearer ${serverKey}`)).toEqual([true, false]);
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  for (const status of [404, 200]) {
    server.respond({ status, json: { message: 'Not Found' } });
    await expect(client.verify()).rejects.toMatchObject({
      code: 'vendor_rejected',
      reason: 'refuses_no_key',
      advice: 'Check `baseUrl` and `method`.',
    });
  }
});

test('issue returns the documented fields, bound to the user and never cached', async () => {
  await using server = await startVendorServer({ json: tokens, headers: { date } });
  const vendor = nabla.create(nabla.options.parse({ serverKey, baseUrl: server.url }));
  const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };
  const token = await vendor.issue?.issue({ principal, vendorUserId: 'patient-1', parameters: {} });
  expect(token).toMatchObject({ expiresInSeconds: 240 });
  expect(vendor.issue?.bound).toBe('user');
  expect(JSON.stringify(token)).not.toContain(tokens.access_token);
  expect(vendor.issue?.cache).toBeUndefined();
});

test('createNablaClient throws errors that name invalid options and never their values', () => {
  expect(() => createNablaClient({ serverKey: 'not a key' })).toThrow(/serverKey: must be printable ASCII/);
  expect(() => createNablaClient({ serverKey: 'not a key' })).not.toThrow(/not a key/);
  expect(() => createNablaClient({ serverKey, baseUrl: 'http://api.nabla.com' })).toThrow(/baseUrl: must be an https/);
});

test.each([
  ['9e15', { exp: 9e15 }, 3_600],
  ['9e15 without iat', { iat: undefined, exp: 9e15 }, 3_600],
  ['milliseconds', { iat: issuedAt * 1_000, exp: (issuedAt + 300) * 1_000 }, 300],
  ['text', { exp: String(issuedAt + 300) }, 300],
  ['a date', { exp: new Date((issuedAt + 300) * 1_000).toISOString() }, 300],
  ['no number', { exp: 'soon' }, 300],
  ['ten years', { exp: issuedAt + 315_360_000 }, 3_600],
])('an access token whose exp is %s has a bounded lifetime', async (_spelling, claims, seconds) => {
  const access_token = fakeJwt({ iat: issuedAt, ...claims });
  const headers = { date: new Date(issuedAt * 1_000).toUTCString() };
  await using server = await startVendorServer({
    json: { ...tokens, refresh_token: fakeJwt({}), access_token },
    headers,
  });
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  expect(await client.authenticatePatient('patient-1')).toMatchObject({ expiresInSeconds: seconds });
  await client.close();
});

test.each([1e11, -1, 0])('an access token whose exp is %d has expired', async (exp) => {
  const access_token = fakeJwt({ iat: issuedAt, exp });
  await using server = await startVendorServer({ json: { ...tokens, access_token } });
  const client = createNablaClient({ serverKey, baseUrl: server.url });
  await expect(client.authenticatePatient('patient-1')).rejects.toMatchObject({ code: 'vendor_response_invalid' });
  await client.close();
});
