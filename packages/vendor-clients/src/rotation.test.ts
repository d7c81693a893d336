import { buffer } from 'node:stream/consumers';
import type { Principal, ProxyRequest, Vendor, VendorEvent } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNudgeClient, createVitalClient, nabla, nymbl, type NymblOptions } from './index.ts';
import { tokenProxyOf } from './testing/token-proxy.ts';
import { startVendorServer } from './testing/vendor-server.ts';

const principal: Principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };
const read: ProxyRequest = { method: 'GET', path: '/Patients', query: '', headers: {} };

let sandbox: Sandbox;
let events: VendorEvent[];
const onEvent = (event: VendorEvent): void => void events.push(event);

beforeEach(async () => {
  sandbox = await createSandbox();
  events = [];
});
afterEach(() => sandbox.close());

function startNymbl(changes: Partial<NymblOptions> = {}): Vendor {
  const { clientId, clientSecret, apiKey, customer } = sandbox.credentials.nymbl;
  const options = nymbl.options.parse({
    clientId,
    clientSecret: { current: clientSecret, next: 'sandbox-only-next-secret' },
    apiKey: { current: apiKey, next: 'sandbox-only-next-key' },
    baseUrl: sandbox.urls.nymbl,
    tokenUrl: `${sandbox.urls.nymblIdp}/oauth2/token`,
    customer: { value: customer },
    allow: [
      { method: 'GET', path: '/Patients' },
      { method: 'POST', path: '/Patients' },
    ],
    ...changes,
  });
  return nymbl.create(options, { onEvent });
}

async function proxied(vendor: Vendor, request: ProxyRequest = read): Promise<number | string> {
  const proxy = tokenProxyOf(vendor);
  const token = await proxy.issueServerToken(proxy.tokenKey(principal));
  const response = await proxy.send(request, token);
  if (response === 'token_refused') return response;
  await buffer(response.body);
  return response.status;
}

test('Nabla switches to the next server key and back without a failed call', async () => {
  const current = sandbox.credentials.nabla.serverKey;
  const next = 'server_sandbox-only-next';
  const options = nabla.options.parse({ baseUrl: sandbox.urls.nabla, serverKey: { current, next } });
  const vendor = nabla.create(options, { onEvent });
  const issue = () => vendor.issue?.issue({ principal, vendorUserId: 'patient-1', parameters: {} });
  await issue();
  sandbox.nabla.setServerKeys([next]);
  await Promise.all([issue(), issue(), issue()]);
  await issue();
  expect(events).toEqual([{ type: 'secret_switched', vendor: 'nabla', option: 'serverKey', slot: 'next' }]);
  sandbox.nabla.setServerKeys([current]);
  await issue();
  expect(events).toHaveLength(2);
  sandbox.nabla.setServerKeys([]);
  await expect(issue()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(JSON.stringify(events)).not.toContain('sandbox-only');
  await vendor.close();
});

test('Nymbl switches to the next client secret', async () => {
  const vendor = startNymbl();
  sandbox.nymbl.setClientSecrets(['sandbox-only-next-secret']);
  expect(await proxied(vendor)).toBe(200);
  expect(events).toEqual([{ type: 'secret_switched', vendor: 'nymbl', option: 'clientSecret', slot: 'next' }]);
  await vendor.close();
});

test('Nymbl switches to the next API key in a call that can be sent twice, and not in a call whose body streams', async () => {
  const vendor = startNymbl();
  sandbox.nymbl.setApiKeys(['sandbox-only-next-key']);
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{}');
  }
  await expect(proxied(vendor, { ...read, method: 'POST', body: body() })).rejects.toMatchObject({
    code: 'vendor_auth_failed',
  });
  expect(await proxied(vendor, { ...read, method: 'POST', body: Buffer.from('{}') })).toBe(201);
  expect(await proxied(vendor, { ...read, method: 'POST', body: body() })).toBe(201);
  expect(events).toEqual([{ type: 'secret_switched', vendor: 'nymbl', option: 'apiKey', slot: 'next' }]);
  await vendor.close();
});

test('the client does not switch the API key when Nymbl refuses the access token', async () => {
  const vendor = startNymbl();
  const proxy = tokenProxyOf(vendor);
  const token = await proxy.issueServerToken(proxy.tokenKey(principal));
  sandbox.nymbl.revokeTokens();
  expect(await proxy.send(read, token)).toBe('token_refused');
  expect(await proxied(vendor)).toBe(200);
  expect(events).toEqual([]);
  await vendor.close();
});

test('Nymbl switches to the next API key after a 401 that refuses the current one, as Nymbl documents', async () => {
  await sandbox.close();
  sandbox = await createSandbox({ nymbl: { apiKeyRefusalStatus: 401 } });
  const vendor = startNymbl();
  sandbox.nymbl.setApiKeys(['sandbox-only-next-key']);
  expect(await proxied(vendor)).toBe(200);
  expect(events).toEqual([{ type: 'secret_switched', vendor: 'nymbl', option: 'apiKey', slot: 'next' }]);
  await vendor.close();
});

test('Nymbl switches to the next API key after a 403 to a HEAD, which has no body that says why', async () => {
  await using server = await startVendorServer({ status: 403 }, {});
  const vendor = startNymbl({ allow: [{ method: 'HEAD', path: '/Patients' }], baseUrl: server.url });
  expect(await proxied(vendor, { ...read, method: 'HEAD' })).toBe(200);
  server.respond({ status: 403 });
  expect(await proxied(vendor, { ...read, method: 'HEAD' })).toBe(403);
  expect(events).toEqual([{ type: 'secret_switched', vendor: 'nymbl', option: 'apiKey', slot: 'next' }]);
  await vendor.close();
});

test('the client reports a refused access token, even if Nymbl also refuses the API key that is not in use yet', async () => {
  const gateway = [
    { status: 401, json: { message: 'The incoming token has expired' } },
    { status: 403, json: { message: 'Forbidden' } },
  ] as const;
  await using server = await startVendorServer(...gateway);
  const vendor = startNymbl({ baseUrl: server.url });
  const proxy = tokenProxyOf(vendor);
  const token = await proxy.issueServerToken(proxy.tokenKey(principal));
  expect(await proxy.send(read, token)).toBe('token_refused');
  server.respond(gateway[1], gateway[0]);
  expect(await proxy.send(read, token)).toBe('token_refused');
  server.respond(gateway[1]);
  await expect(proxy.send(read, token)).rejects.toMatchObject({ code: 'vendor_auth_failed', reason: 'status_403' });
  await vendor.close();
});

test('the clients of Nudge and Vital use the next API key when the vendor refuses the current one', async () => {
  await using server = await startVendorServer({ status: 401 }, { json: { token: 'a' } });
  const slots = { current: 'sandbox-only-current', next: 'sandbox-only-next' };
  const nudge = createNudgeClient({ apiKey: slots, baseUrl: server.url }, { onEvent });
  expect((await nudge.getToken()).token.reveal()).toBe('a');
  expect(server.calls.map(({ headers }) => headers['apikey'])).toEqual(Object.values(slots));

  server.respond({ status: 401 }, { json: { user_id: 'u', sign_in_token: 'b' } });
  const vital = createVitalClient(
    {
      apiKey: { current: 'sk_us_sandbox-only-current', next: 'sk_us_sandbox-only-next' },
      environment: 'sandbox',
      region: 'us',
      baseUrl: server.url,
    },
    { onEvent },
  );
  expect((await vital.createSignInToken('u')).signInToken.reveal()).toBe('b');
  expect(events.map(({ vendor }) => vendor)).toEqual(['nudge', 'vital']);
});
