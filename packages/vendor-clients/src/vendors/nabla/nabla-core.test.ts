import { inspect } from 'node:util';
import type { VendorEvent } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { importPKCS8, jwtVerify } from 'jose';
import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fakeJwt, startVendorServer } from '../../testing/vendor-server.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createNablaClient, nabla } from './nabla.ts';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

const tokenRoute = 'POST /v1/core/server/oauth/token';
const issueRoute = 'POST /v1/core/server/jwt/authenticate/{user_id}';

test('a client of the Core API is granted one access token for all its calls', async () => {
  sandbox.resetCalls();
  const serverKey = await sandbox.nabla.createClient();
  const client = createNablaClient({ serverKey, baseUrl: sandbox.urls.nabla });
  const patients = await Promise.all(['a', 'b', 'c'].map((patient) => client.authenticatePatient(patient)));
  expect(patients.every(({ expiresInSeconds }) => expiresInSeconds === 300)).toBe(true);
  expect(sandbox.calls().nabla).toEqual({ [tokenRoute]: 1, [issueRoute]: 3 });
  expect(inspect(client, { depth: 9, showHidden: true })).not.toContain('PRIVATE KEY');
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  await client.close();
});

test('an unknown client of the Core API is refused with vendor_auth_failed', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const client = createNablaClient({ serverKey: { clientId: 'unknown', privateKey }, baseUrl: sandbox.urls.nabla });
  await expect(client.authenticatePatient('a')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  await client.close();
});

test('an access token of the Core API is renewed before it expires, and after a 401 to an older token', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const clock = createVirtualClock();
  const tokens = { access_token: fakeJwt({}), refresh_token: fakeJwt({}) };
  let granted = 0;
  let good = 0;
  await using server = await startVendorServer({
    choose: ({ path, headers }) => {
      if (!path.endsWith('/oauth/token')) {
        return headers.authorization === `Bearer grant-${good}` ? tokens : { error: 'refused' };
      }
      granted += 1;
      return { access_token: `grant-${granted}`, expires_in: 3_600 };
    },
  });
  const client = createNablaClient({ serverKey: { clientId: 'c', privateKey }, baseUrl: server.url }, { clock });
  good = 1;
  await client.authenticatePatient('a');
  clock.advance(3_539_999);
  await client.authenticatePatient('a');
  expect(granted).toBe(1);
  clock.advance(1);
  good = 2;
  await client.authenticatePatient('a');
  expect(granted).toBe(2);

  const callsSince = (count: number) => server.calls.slice(count).map(({ path }) => path.split('/').at(-1));
  let before = server.calls.length;
  server.respond({ status: 401 });
  await expect(client.authenticatePatient('a')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(callsSince(before), 'a token that was just granted is not renewed').toEqual(['a']);

  clock.advance(10_000);
  before = server.calls.length;
  server.respond({ status: 401 }, { json: { access_token: 'grant-3', expires_in: 3_600 } }, { json: tokens });
  await client.authenticatePatient('a');
  expect(callsSince(before)).toEqual(['a', 'token', 'a']);

  clock.advance(10_000);
  before = server.calls.length;
  server.respond({ status: 403 });
  await expect(client.authenticatePatient('a')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(callsSince(before), 'a 403 is not about the token').toEqual(['a']);
  await client.close();
});

test('two calls whose access token is refused request one new token', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const clock = createVirtualClock();
  let granted = 0;
  let refuseLate = (): unknown => undefined;
  await using server = await startVendorServer((response, request) => {
    const { url = '', headers } = request;
    const refuse = () => response.writeHead(401).end('{"message":"Unauthorized"}');
    if (url.endsWith('/token')) {
      granted += 1;
      response.end(JSON.stringify({ access_token: `grant-${granted}`, expires_in: 3_600 }));
    } else if (headers.authorization !== 'Bearer grant-1' || clock.monotonicMs() === 0) {
      response.end(JSON.stringify({ access_token: 'a', refresh_token: 'r' }));
      // The other call is refused only now, after the new token is in use.
      if (url.endsWith('early')) refuseLate();
    } else if (url.endsWith('late')) {
      refuseLate = refuse;
    } else {
      refuse();
    }
  });
  const client = createNablaClient({ serverKey: { clientId: 'c', privateKey }, baseUrl: server.url }, { clock });
  await client.authenticatePatient('first');
  clock.advance(20_000);
  const late = client.authenticatePatient('late');
  await expect.poll(() => server.calls.length).toBe(3);
  await Promise.all([client.authenticatePatient('early'), late]);
  expect(granted).toBe(2);
  await client.close();
});

test('each call waits for a shared grant only within its own operation', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  await using server = await startVendorServer((response, request) => {
    if (request.url?.endsWith('/token') === true) return;
    response.end(JSON.stringify({ access_token: 'a', refresh_token: 'r' }));
  });
  const client = createNablaClient({ serverKey: { clientId: 'c', privateKey }, baseUrl: server.url, timeoutMs: 300 });
  const ended: string[] = [];
  const waitAs = (name: string, signal?: AbortSignal): Promise<unknown> =>
    client.authenticatePatient(name, { signal }).catch((failure: unknown) => {
      ended.push(name);
      return failure;
    });
  const caller = new AbortController();
  const [first, second] = [waitAs('first'), waitAs('second', caller.signal)];
  caller.abort(new Error('aborted'));
  expect(await second).toMatchObject({ message: 'aborted' });
  expect(await first).toMatchObject({ code: 'vendor_timeout' });
  expect(ended).toEqual(['second', 'first']);
  await client.close();
});

test('each grant request carries an assertion of its own, as RFC 7523 requires', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  await using server = await startVendorServer({ status: 401 });
  const client = createNablaClient({ serverKey: { clientId: 'c', privateKey, keyId: 'k' }, baseUrl: server.url });
  await expect(client.authenticatePatient('a')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  await expect(client.authenticatePatient('a')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  const [first, second] = server.calls.map(({ body }) => JSON.parse(body) as Record<string, string>);
  expect(first?.client_assertion).not.toBe(second?.client_assertion);
  expect(await importPKCS8(privateKey, 'RS256')).toBeDefined();
  const { payload, protectedHeader } = await jwtVerify(first?.client_assertion ?? '', createPublicKey(privateKey), {
    algorithms: ['RS256'],
    issuer: 'c',
    subject: 'c',
    audience: `${server.url}/v1/core/server/oauth/token`,
    requiredClaims: ['jti', 'iat', 'exp'],
  });
  expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: 'k' });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(90);
  expect(Date.now() / 1_000 - (payload.iat ?? 0), 'a vendor whose clock is behind accepts it').toBeGreaterThanOrEqual(
    30,
  );
  await client.close();
});

test('a grant request whose response was lost is sent again, with an assertion of its own', async () => {
  const serverKey = await sandbox.nabla.createClient();
  sandbox.setFaults([{ vendor: 'nabla', route: tokenRoute, fault: { type: 'reset', when: 'after' }, count: 1 }]);
  const client = createNablaClient({ serverKey, baseUrl: sandbox.urls.nabla });
  await expect(client.authenticatePatient('a')).resolves.toMatchObject({ expiresInSeconds: 300 });
  sandbox.setFaults([]);
  await client.close();
});

test.each([true, false])(
  'the next key of the Core API is used when the current key is refused (it has its own client id: %s)',
  async (own) => {
    const [old, renewed] = [await sandbox.nabla.createClient(), await sandbox.nabla.createClient()];
    const events: VendorEvent[] = [];
    const client = createNablaClient(
      {
        serverKey: {
          clientId: own ? 'given-up' : renewed.clientId,
          privateKey: old.privateKey,
          next: { privateKey: renewed.privateKey, clientId: own ? renewed.clientId : undefined },
        },
        baseUrl: sandbox.urls.nabla,
      },
      { onEvent: (event) => events.push(event) },
    );
    await expect(client.authenticatePatient('a')).resolves.toMatchObject({ expiresInSeconds: 300 });
    expect(events).toEqual([{ type: 'secret_switched', vendor: 'nabla', option: 'serverKey', slot: 'next' }]);
    await client.close();
  },
);

test('each key of a Core API client can be used alone, as the doctor does', async () => {
  const [current, next] = [await sandbox.nabla.createClient(), await sandbox.nabla.createClient()];
  const serverKey = { clientId: 'unknown', privateKey: current.privateKey, next };
  const options = nabla.options.parse({ serverKey, baseUrl: sandbox.urls.nabla });
  expect(Object.keys(options.serverKey)).toEqual(['current', 'next']);
  const verify = async (slot: typeof options.serverKey.current | undefined): Promise<void> => {
    const vendor = nabla.create({ ...options, serverKey: { current: slot as never } });
    await vendor.verify?.().finally(vendor.close);
  };
  await expect(verify(options.serverKey.current)).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  await expect(verify(options.serverKey.next)).resolves.toBeUndefined();
});

test('the error for a refused client of the Core API names what the operator should check', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const client = createNablaClient({ serverKey: { clientId: 'unknown', privateKey }, baseUrl: sandbox.urls.nabla });
  await expect(client.verify()).rejects.toMatchObject({
    advice: expect.stringContaining('`privateKey`') as unknown,
  });
  await client.close();
});

test('an error about an invalid private key does not quote it, and the Core API requires a base URL', async () => {
  const { clientId, privateKey } = await sandbox.nabla.createClient();
  const broken = privateKey.replace('PRIVATE', 'PUBLIC');
  const make = (key: string, baseUrl?: string) => (): unknown =>
    createNablaClient({ serverKey: { clientId, privateKey: key }, baseUrl });
  expect(make(broken, sandbox.urls.nabla)).toThrow(/serverKey.privateKey: must be a private RSA key/);
  expect(make(broken, sandbox.urls.nabla)).not.toThrow(/BEGIN/);
  expect(make(privateKey)).toThrow(/baseUrl: must be the region's host/);
});
