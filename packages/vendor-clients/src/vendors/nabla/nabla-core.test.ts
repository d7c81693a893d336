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

test('a client of the Core API requests one access token and uses it for all its calls', async () => {
  sandbox.resetCalls();
  const serverKey = await sandbox.nabla.createClient();
  const client = createNablaClient({ serverKey, baseUrl: sandbox.urls.nabla });
  const patients = await Promise.all(['a', 'b', 'c'].map((patient) => client.authenticatePatient(patient)));
  expect(patients.every(({ expiresInSeconds }) => expiresInSeconds === 300)).toBe(true);
  expect(sandbox.calls().nabla).toEqual({ [tokenRoute]: 1, [issueRoute]: 3 });
  await expect(client.verify()).resolves.toMatchObject({ proven: expect.arrayContaining([expect.any(String)]) });
  await client.close();
});

test('inspect() of a client of the Core API does not show its private key', async () => {
  const client = createNablaClient({ serverKey: await sandbox.nabla.createClient(), baseUrl: sandbox.urls.nabla });
  await client.authenticatePatient('a');
  expect(inspect(client, { depth: 9, showHidden: true })).not.toContain('PRIVATE KEY');
  await client.close();
});

test('a call rejects with vendor_auth_failed if the Core API does not know the client id', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const client = createNablaClient({ serverKey: { clientId: 'unknown', privateKey }, baseUrl: sandbox.urls.nabla });
  await expect(client.authenticatePatient('a')).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  await client.close();
});

const patientTokens = { access_token: fakeJwt({}), refresh_token: fakeJwt({}) };

test('the client replaces an access token of the Core API a minute before it expires', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const clock = createVirtualClock();
  let granted = 0;
  let acceptedGrant = 1;
  await using server = await startVendorServer({
    choose: ({ path, headers }) => {
      if (!path.endsWith('/oauth/token')) {
        return headers.authorization === `Bearer grant-${acceptedGrant}` ? patientTokens : { error: 'refused' };
      }
      granted += 1;
      return { access_token: `grant-${granted}`, expires_in: 3_600 };
    },
  });
  const client = createNablaClient({ serverKey: { clientId: 'c', privateKey }, baseUrl: server.url }, { clock });
  await client.authenticatePatient('a');
  clock.advance(3_539_999);
  await client.authenticatePatient('a');
  expect(granted).toBe(1);
  clock.advance(1);
  acceptedGrant = 2;
  await client.authenticatePatient('a');
  expect(granted).toBe(2);
  await client.close();
});

const refused = { code: 'vendor_auth_failed' };
const repeated = { accessToken: expect.anything() as unknown };
test.each([
  ['a 401 to an access token that is 10 seconds old requests a new token and repeats the call', 401, 10_000, repeated],
  ['a 401 to an access token that was just granted is vendor_auth_failed', 401, 0, refused],
  ['a 403 is vendor_auth_failed, because it is not about the access token', 403, 10_000, refused],
] as const)('%s', async (_, status, ageMs, expected) => {
  const { privateKey } = await sandbox.nabla.createClient();
  const clock = createVirtualClock();
  const grant = { json: { access_token: 'grant', expires_in: 3_600 } };
  await using server = await startVendorServer(grant, { json: patientTokens });
  const client = createNablaClient({ serverKey: { clientId: 'c', privateKey }, baseUrl: server.url }, { clock });
  await client.authenticatePatient('a');
  clock.advance(ageMs);
  const before = server.calls.length;
  server.respond({ status }, grant, { json: patientTokens });
  await expect(client.authenticatePatient('a').catch((error: unknown) => error)).resolves.toMatchObject(expected);
  const paths = server.calls.slice(before).map(({ path }) => path.split('/').at(-1));
  expect(paths).toEqual(expected === repeated ? ['a', 'token', 'a'] : ['a']);
  await client.close();
});

test('two calls whose access token Nabla refuses request one new token together', async () => {
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

test('a call that waits for a shared token request ends at its own abort or timeout', async () => {
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

test('each token request carries a new client assertion with the claims of RFC 7523, which is dated back by 30 seconds', async () => {
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

test('the client repeats a token request whose response is lost, with a new client assertion', async () => {
  const serverKey = await sandbox.nabla.createClient();
  sandbox.setFaults([{ vendor: 'nabla', route: tokenRoute, fault: { type: 'reset', when: 'after' }, count: 1 }]);
  const client = createNablaClient({ serverKey, baseUrl: sandbox.urls.nabla });
  await expect(client.authenticatePatient('a')).resolves.toMatchObject({ expiresInSeconds: 300 });
  sandbox.setFaults([]);
  await client.close();
});

test.each([
  ['with a client id of its own', true],
  ['of the same client', false],
])(
  'a client of the Core API switches to a next key %s when Nabla refuses the current key',
  async (_name, hasOwnClientId) => {
    const [old, renewed] = [await sandbox.nabla.createClient(), await sandbox.nabla.createClient()];
    const events: VendorEvent[] = [];
    const client = createNablaClient(
      {
        serverKey: {
          clientId: hasOwnClientId ? 'given-up' : renewed.clientId,
          privateKey: old.privateKey,
          next: { privateKey: renewed.privateKey, clientId: hasOwnClientId ? renewed.clientId : undefined },
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

test('verify() of a Core API client with a single key checks only that key', async () => {
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

test('verify() of a refused client of the Core API rejects with advice that names `privateKey`', async () => {
  const { privateKey } = await sandbox.nabla.createClient();
  const client = createNablaClient({ serverKey: { clientId: 'unknown', privateKey }, baseUrl: sandbox.urls.nabla });
  await expect(client.verify()).rejects.toMatchObject({
    advice: expect.stringContaining('`privateKey`') as unknown,
  });
  await client.close();
});

test('createNablaClient names an invalid private key by its option, and does not quote it', async () => {
  const { clientId, privateKey } = await sandbox.nabla.createClient();
  const broken = privateKey.replace('PRIVATE', 'PUBLIC');
  const create = (): unknown =>
    createNablaClient({ serverKey: { clientId, privateKey: broken }, baseUrl: sandbox.urls.nabla });
  expect(create).toThrow(/serverKey.privateKey: must be a private RSA key/);
  expect(create).not.toThrow(/BEGIN/);
});

test('createNablaClient with a key of the Core API requires `baseUrl`', async () => {
  const serverKey = await sandbox.nabla.createClient();
  expect(() => createNablaClient({ serverKey })).toThrow(/baseUrl: must be the region's host/);
});
