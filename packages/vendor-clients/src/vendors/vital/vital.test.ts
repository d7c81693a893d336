import { expect, test } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createVitalClient, vital } from './vital.ts';

const apiKey = 'sk_us_sandbox-only';
const userId = 'e209947b-323e-4108-8e18-1518b80da0bd';
const user = { user_id: userId, team_id: 'team', client_user_id: 'alice', created_on: '2026-01-01T00:00:00+00:00' };
const conflict = {
  detail: {
    error_type: 'INVALID_REQUEST',
    error_message: 'Client user id already exists.',
    user_id: userId,
    created_on: '2023-02-27T12:31:24+00:00',
  },
};
const signInToken = Buffer.from('{"public_key":"public","user_token":"a.b.c"}').toString('base64');

const clientOf = (baseUrl: string) => createVitalClient({ apiKey, environment: 'sandbox', region: 'us', baseUrl });

test('ensureUser creates the user', async () => {
  await using server = await startVendorServer({ json: user });
  expect(await clientOf(server.url).ensureUser('alice')).toEqual({ userId, clientUserId: 'alice', created: true });
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/v2/user',
      headers: { 'x-vital-api-key': apiKey, 'content-type': 'application/json' },
      body: '{"client_user_id":"alice"}',
    },
  ]);
});

test('ensureUser returns the user that a conflict names, after looking it up', async () => {
  await using server = await startVendorServer({ status: 400, json: conflict }, { json: user });
  expect(await clientOf(server.url).ensureUser('alice')).toEqual({ userId, clientUserId: 'alice', created: false });
  expect(server.calls[1]).toMatchObject({ method: 'GET', path: '/v2/user/resolve/alice' });
});

test('ensureUser rejects a conflict that names another user', async () => {
  const bobs = { detail: { ...conflict.detail, user_id: 'bobs-user' } };
  await using server = await startVendorServer({ status: 400, json: bobs }, { json: user });
  const client = clientOf(server.url);
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ reason: 'other_user' });
  server.respond({ status: 400, json: conflict }, { json: { ...user, client_user_id: 'bob' } });
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ reason: 'other_user' });
});

test('ensureUser looks up the user if the conflict names none', async () => {
  await using server = await startVendorServer({ status: 400, text: 'exists' }, { json: user });
  expect(await clientOf(server.url).ensureUser('alice')).toEqual({ userId, clientUserId: 'alice', created: false });
  expect(server.calls[1]).toMatchObject({ method: 'GET', path: '/v2/user/resolve/alice' });
});

test('ensureUser rejects any other 400 with vendor_rejected', async () => {
  const odd = { status: 400, json: { detail: { error_type: 'INVALID_REQUEST' } } };
  await using server = await startVendorServer(odd, { status: 404 });
  await expect(clientOf(server.url).ensureUser('alice')).rejects.toMatchObject({ code: 'vendor_rejected' });
});

test('ensureUser, resolveUser and createSignInToken reject a response about another user', async () => {
  await using server = await startVendorServer({ json: { ...user, client_user_id: 'bob' } });
  const client = clientOf(server.url);
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ reason: 'other_user' });
  await expect(client.resolveUser('alice')).rejects.toMatchObject({ reason: 'other_user' });
  server.respond({ json: { user_id: 'another', sign_in_token: signInToken } });
  await expect(client.createSignInToken(userId)).rejects.toMatchObject({
    code: 'vendor_response_invalid',
    reason: 'other_user',
  });
});

test('createSignInToken sends a POST without a body', async () => {
  await using server = await startVendorServer({ json: { user_id: userId, sign_in_token: signInToken } });
  const token = await clientOf(server.url).createSignInToken(userId);
  expect(token.signInToken.reveal()).toBe(signInToken);
  expect(server.calls).toMatchObject([{ method: 'POST', path: `/v2/user/${userId}/sign_in_token`, body: '' }]);
  expect(server.calls[0]?.headers['content-type']).toBeUndefined();
});

test('resolveUser, getUser, deleteUser and undoDeleteUser send the documented requests', async () => {
  await using server = await startVendorServer({ json: user });
  const client = clientOf(server.url);
  expect(await client.resolveUser('alice')).toEqual({ userId, clientUserId: 'alice' });
  expect(await client.getUser(userId)).toEqual({ userId, clientUserId: 'alice' });
  await client.deleteUser(userId);
  await client.undoDeleteUser(userId);
  expect(server.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v2/user/resolve/alice',
    `GET /v2/user/${userId}`,
    `DELETE /v2/user/${userId}`,
    `POST /v2/user/undo_delete?user_id=${userId}`,
  ]);
});

test('verify looks up a user that cannot exist, and rejects a server that accepts a wrong key', async () => {
  const missing = { status: 404, json: { detail: 'User not found' } };
  await using server = await startVendorServer(missing, { status: 401 });
  const client = clientOf(server.url);
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  expect(server.calls.map(({ path }) => path)).toEqual(Array(2).fill('/v2/user/resolve/valetkey-verify'));
  expect(server.calls.map(({ headers }) => headers['x-vital-api-key'] === apiKey)).toEqual([true, false]);
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  server.respond(missing);
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_rejected', reason: 'refuses_no_key' });
  server.respond({ status: 404, text: '<html>' });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_rejected', reason: 'status_404' });
});

test('only a 404 in the form of Vital’s errors is vendor_user_not_found', async () => {
  await using server = await startVendorServer({ status: 404, json: { detail: 'User not found' } });
  const client = clientOf(server.url);
  await expect(client.createSignInToken('u-1')).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ code: 'vendor_rejected' });
  server.respond({ status: 404, text: '<html>no such host</html>' });
  await expect(client.createSignInToken('u-1')).rejects.toMatchObject({ code: 'vendor_rejected' });
});

test('deleteUser and undoDeleteUser are not repeated after a broken TCP connection', async () => {
  await using server = await startVendorServer((response) => response.socket?.resetAndDestroy());
  const client = clientOf(server.url);
  await expect(client.deleteUser('u-1')).rejects.toMatchObject({ code: 'vendor_unavailable' });
  await expect(client.undoDeleteUser('u-1')).rejects.toMatchObject({ code: 'vendor_unavailable' });
  expect(server.calls).toHaveLength(2);
});

test('getUser and resolveUser return only the requested user', async () => {
  await using server = await startVendorServer({ json: { user_id: 'u-2', client_user_id: 'bob' } });
  const client = clientOf(server.url);
  await expect(client.getUser('u-1')).rejects.toMatchObject({ reason: 'other_user' });
  await expect(client.resolveUser('alice')).rejects.toMatchObject({ reason: 'other_user' });
  expect(await client.getUser('u-2')).toEqual({ userId: 'u-2', clientUserId: 'bob' });
});

test('ensureUser creates and looks up within the time of one operation', async () => {
  const clock = createVirtualClock();
  await using server = await startVendorServer((response, request) => {
    if (request.method !== 'POST') return;
    clock.advance(59_800);
    response.writeHead(400).end();
  });
  const options = { apiKey, environment: 'sandbox', region: 'us', baseUrl: server.url, timeoutMs: 60_000 } as const;
  const client = createVitalClient(options, { clock });
  // A look-up with more than the remaining 200 ms would outlast the test.
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ code: 'vendor_timeout' });
  expect(server.calls.map(({ method }) => method)).toEqual(['POST', 'GET']);
});

test.each([
  ['sk_us_x', 'sandbox', 'us'],
  ['pk_eu_x', 'production', 'eu'],
])('the options of Vital accept the API key %s for %s in %s', (key, environment, region) => {
  expect(vital.options.safeParse({ apiKey: key, environment, region }).success).toBe(true);
});

test.each([
  ['pk_us_x', 'sandbox', 'us'],
  ['sk_eu_x', 'sandbox', 'us'],
  ['sk_eu_x', 'production', 'eu'],
  ['anything', 'sandbox', 'eu'],
])('the options of Vital refuse the API key %s for %s in %s, without quoting it', (key, environment, region) => {
  const { issues = [] } = vital.options.safeParse({ apiKey: key, environment, region }).error ?? {};
  expect(issues[0]?.path).toEqual(['apiKey']);
  expect(JSON.stringify(issues)).not.toContain(key);
});

test.each([
  'https://api.sandbox.us.junction.com',
  'https://api.sandbox.tryvital.io',
  'https://vital.proxy.example.com',
])('the options of Vital accept the base URL %s for the sandbox in us', (baseUrl) => {
  const options = { apiKey, environment: 'sandbox', region: 'us', baseUrl };
  expect(vital.options.safeParse(options).success).toBe(true);
});

test.each([
  'https://api.us.junction.com',
  'https://api.sandbox.eu.junction.com',
  'https://api.sandbox.eu.tryvital.io/',
])('the options of Vital refuse the base URL %s for the sandbox in us', (baseUrl) => {
  const { error } = vital.options.safeParse({ apiKey, environment: 'sandbox', region: 'us', baseUrl });
  expect(error?.issues[0]?.path).toEqual(['baseUrl']);
});

test('issue returns what Vital’s SDK needs, bound to the user', async () => {
  await using server = await startVendorServer({ json: { user_id: userId, sign_in_token: signInToken } });
  const vendor = vital.create(
    vital.options.parse({ apiKey, environment: 'sandbox', region: 'us', baseUrl: server.url }),
  );
  const principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };
  const token = await vendor.issue?.issue({ principal, vendorUserId: userId, parameters: {} });
  expect(token).toMatchObject({
    fields: { user_id: userId, environment: 'sandbox', region: 'us' },
  });
  expect(vendor.issue?.bound).toBe('user');
  expect(vendor.issue?.plainTextField).toBeUndefined();
  expect(JSON.stringify(token)).not.toContain(signInToken);
});
