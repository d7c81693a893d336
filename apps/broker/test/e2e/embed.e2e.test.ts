import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createBroker } from '../../src/create-broker.ts';
import { assemble, type Broker } from '../../src/assemble.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import type { Decision } from '../../src/storage/audit-store.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';
import { sendBytes } from '../support/raw-connection.ts';

const proxyPath = '/v1/vendors/nymbl/proxy/Patients';
const page = 'https://app.example.com';

let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  const listen = { port: 0, hostNames: ['tokens.example.com'], trustedProxies: ['10.1.0.0/16'] };
  broker = await startRecordingBroker({ ...config, listen, cors: { origins: [page] } });
  alice = await sandbox.mintUserToken({ sub: 'alice' });
});
beforeEach(() => sandbox.setFaults([]));
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const asAlice = (headers: Readonly<Record<string, string>> = {}) => ({ authorization: `Bearer ${alice}`, ...headers });
const json = { 'content-type': 'application/json' };

/** The fields that differ for every response. */
const moving = /"(?:request_?id|instance|server_time|expires_at|refresh_after|expires_in|token|id)":(?:"[^"]*"|\d+)/gi;

async function describe(response: Response) {
  const headers = Object.fromEntries(response.headers);
  for (const name of ['date', 'x-request-id', 'connection', 'keep-alive', 'transfer-encoding', 'content-length']) {
    headers[name] &&= 'present';
  }
  // A connection that stays open has these, and one in memory never does.
  for (const name of ['connection', 'keep-alive', 'transfer-encoding']) delete headers[name];
  const body = (await response.text()).replaceAll(moving, '');
  return { status: response.status, headers, body };
}

async function overSocket({ path, ...init }: Sent) {
  return describe(await fetch(broker.brokerUrl + path, init));
}

async function embedded({ path, ...init }: Sent) {
  return describe(await broker.broker.fetch(new Request(broker.brokerUrl + path, init)));
}

test.each<[string, number, () => Sent]>([
  ['a session', 200, () => ({ path: '/v1/session', headers: asAlice() })],
  ['a token', 200, () => ({ method: 'POST', path: '/v1/vendors/nudge/token', headers: asAlice() })],
  ['a request without a token', 401, () => ({ path: '/v1/session' })],
  [
    'two tokens in one header',
    400,
    () => ({ path: '/v1/session', headers: { authorization: `Bearer ${alice}, Bearer ${alice}` } }),
  ],
  ['an unknown path', 404, () => ({ path: '/v1/nothing', headers: asAlice() })],
  ['an unknown method', 405, () => ({ method: 'DELETE', path: '/v1/session', headers: asAlice() })],
  ['HEAD', 405, () => ({ method: 'HEAD', path: '/v1/session', headers: asAlice() })],
  [
    'a body that is not JSON',
    400,
    () => ({ method: 'POST', path: '/v1/vendors/nudge/token', headers: asAlice(json), body: '{' }),
  ],
  [
    'a body that is too long',
    413,
    () => ({
      method: 'POST',
      path: '/v1/vendors/nudge/token',
      headers: asAlice(json),
      body: `"${'x'.repeat(20_000)}"`,
    }),
  ],
  [
    'a media type that the route does not accept',
    415,
    () => ({
      method: 'POST',
      path: '/v1/vendors/nudge/token',
      headers: asAlice({ 'content-type': 'text/css' }),
      body: 'a',
    }),
  ],
  ['a head that is too long', 400, () => ({ path: '/v1/session', headers: asAlice({ 'x-long': 'x'.repeat(20_000) }) })],
  [
    'a preflight request',
    204,
    () => ({
      method: 'OPTIONS',
      path: '/v1/session',
      headers: { origin: page, 'access-control-request-method': 'GET' },
    }),
  ],
  ['an allowed origin', 200, () => ({ path: '/v1/session', headers: asAlice({ origin: page }) })],
  ['another origin', 200, () => ({ path: '/v1/session', headers: asAlice({ origin: 'https://other.example' }) })],
  ['a proxied call', 200, () => ({ path: proxyPath, headers: asAlice() })],
  [
    'a proxied body',
    201,
    () => ({ method: 'POST', path: proxyPath, headers: asAlice(json), body: '{"firstName":"Zoe"}' }),
  ],
  ['a call that the policy refuses', 403, () => ({ method: 'DELETE', path: proxyPath, headers: asAlice() })],
  ['the readiness', 200, () => ({ path: '/readyz' })],
])('responds to %s as it does over a socket', async (_name, status, createRequest) => {
  const [first, second] = [await overSocket(createRequest()), await embedded(createRequest())];
  expect(second.status).toBe(status);
  expect(second).toEqual(first);
});

test('refuses a host name that the listener does not serve, as it does over a socket', async () => {
  const statusOf = async (url: string) =>
    (await broker.broker.fetch(new Request(`${url}/v1/session`, { headers: asAlice() }))).status;
  expect([await statusOf('https://evil.example'), await statusOf('https://tokens.example.com')]).toEqual([403, 200]);
  const { statuses } = await sendBytes(broker.brokerUrl, [
    `GET /v1/session HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer ${alice}\r\nConnection: close\r\n\r\n`,
  ]);
  expect(statuses).toEqual([403]);
});

test.each<[string, object, string | undefined, string | undefined]>([
  ['the address that the program names', { clientAddress: '203.0.113.9' }, undefined, '203.0.113.9'],
  ['the address that a trusted proxy states', { clientAddress: '10.1.2.3' }, '198.51.100.4', '198.51.100.4'],
  ['no address that another client states', { clientAddress: '203.0.113.9' }, '198.51.100.4', '203.0.113.9'],
  ['no address that a request without a known client states', {}, '198.51.100.4', undefined],
])('the audit has %s', async (_name, options, forwarded, expected) => {
  const headers = asAlice(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded });
  const request = new Request(`${broker.brokerUrl}/v1/vendors/nudge/token`, { method: 'POST', headers });
  const response = await broker.broker.fetch(request, options);
  const id = response.headers.get('x-request-id');
  const listed = await broker.callAdmin('/v1/decisions?limit=100');
  const { decisions } = (await listed.json()) as { decisions: Record<string, unknown>[] };
  const decision = decisions.find(({ request_id: requestId }) => requestId === id);
  expect(decision).toMatchObject({ operation: 'issue', outcome: 'allowed' });
  expect(decision?.['client_address'] ?? undefined).toBe(expected);
});

test('streams a proxied response, and ends the call to the vendor when the caller aborts it', async () => {
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'drip', intervalMs: 600_000 } }]);
  const abort = new AbortController();
  const request = new Request(broker.brokerUrl + proxyPath, { headers: asAlice(), signal: abort.signal });
  const response = await broker.broker.fetch(request);
  const reading = response.text();
  abort.abort();
  await expect(reading).rejects.toBe(abort.signal.reason);
});

test('makes a proxied response that breaks off look cut', async () => {
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'reset', when: 'mid-body' } }]);
  const response = await broker.broker.fetch(new Request(broker.brokerUrl + proxyPath, { headers: asAlice() }));
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow('aborted');
});

/** Returns a broker that does not listen. */
function createSilentBroker(decisions: Decision[] = []): Broker {
  const config = { ...createConfigFor(sandbox), log: { level: 'silent' as const } };
  return createBroker(config, { onDecision: (decision) => void decisions.push(decision) });
}

const session = () => new Request('http://localhost/v1/session', { headers: asAlice() });

test('a broker that does not listen starts with its first request, and refuses every request after it was closed', async () => {
  const decisions: Decision[] = [];
  const silent = createSilentBroker(decisions);
  const request = new Request('http://localhost/v1/vendors/nudge/token', { method: 'POST', headers: asAlice() });
  const responses = await Promise.all([silent.fetch(request), silent.fetch(session())]);
  expect(responses.map(({ status }) => status)).toEqual([200, 200]);
  expect(decisions).toHaveLength(1);
  expect(silent.app.server.listening).toBe(false);
  await silent.close();
  await expect(silent.fetch(session())).rejects.toThrow('The broker is closed.');
});

test('a broker that was closed before its first request serves none', async () => {
  const silent = createSilentBroker();
  await silent.close();
  await expect(silent.fetch(session())).rejects.toThrow('The broker is closed.');
});

test('a broker that listens later serves both', async () => {
  const silent = createSilentBroker();
  expect((await silent.fetch(session())).status).toBe(200);
  const { brokerUrl } = await silent.listen();
  expect((await fetch(`${brokerUrl}/v1/session`, { headers: asAlice() })).status).toBe(200);
  expect((await silent.fetch(session())).status).toBe(200);
  await silent.close();
});

test('the admin listener can be opened alone', async () => {
  const silent = createSilentBroker();
  expect((await silent.fetch(session())).status).toBe(200);
  const url = await silent.admin.listen({ host: '127.0.0.1', port: 0 });
  const response = await fetch(`${url}/metrics`);
  expect([response.status, silent.app.server.listening]).toEqual([200, false]);
  await response.text();
  await silent.close();
  expect(silent.admin.server.listening).toBe(false);
});

test('a request that follows a reload is served by the new configuration', async () => {
  const config = { ...createConfigFor(sandbox), log: { level: 'silent' as const } };
  const reloaded = assemble(parseConfig(config));
  expect((await reloaded.fetch(session())).status).toBe(200);
  const { nudge: _nudge, ...vendors } = config.vendors;
  await reloaded.reload(async () => parseConfig({ ...config, vendors }));
  const issue = new Request('http://localhost/v1/vendors/nudge/token', { method: 'POST', headers: asAlice() });
  const response = await reloaded.fetch(issue);
  expect([response.status, await response.json()]).toMatchObject([404, { code: 'unknown_vendor' }]);
  await reloaded.close();
});

test('a broker whose configuration would make other principals of stored users rejects every request', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-embed-'));
  const config = {
    ...createConfigFor(sandbox),
    store: { sqlite: join(folder, 'store.sqlite') },
    log: { level: 'silent' as const },
  };
  const first = createBroker(config);
  const issue = new Request('http://localhost/v1/vendors/vital/token', { method: 'POST', headers: asAlice() });
  expect((await first.fetch(issue)).status).toBe(200);
  await first.close();
  const other = createBroker({
    ...config,
    issuers: config.issuers.map((issuer) => ({ ...issuer, subjectClaims: ['uid'] })),
  });
  await expect(other.fetch(session())).rejects.toThrow(ConfigError);
  await expect(other.fetch(session())).rejects.toThrow(ConfigError);
  await rm(folder, { recursive: true });
});

test('closing waits for a running call, and cuts it off after `shutdown.timeoutMs`', async () => {
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'drip', intervalMs: 600_000 } }]);
  const config = { ...createConfigFor(sandbox), shutdown: { timeoutMs: 1_000 }, log: { level: 'silent' as const } };
  const silent = createBroker(config);
  const response = await silent.fetch(new Request(`http://localhost${proxyPath}`, { headers: asAlice() }));
  const reading = response.text();
  const closing = silent.close();
  await expect(reading).rejects.toThrow('aborted');
  await closing;
});

/** Serves a broker below `/tokens` of a Node server, as Express mounts it. */
async function mount(handler: Broker['handler'], onError?: (error: unknown) => void) {
  const server = createServer((request, response) => {
    request.url = request.url?.replace(/^\/tokens/, '');
    handler(request, response, onError && ((error) => (onError(error), response.writeHead(500).end())));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/tokens` };
}

async function closeServer(server: Server) {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

test('serves the requests of a Node server, with the address of each client', async () => {
  const decisions: Decision[] = [];
  const silent = createSilentBroker(decisions);
  const { server, url } = await mount(silent.handler);
  const statuses = [];
  for (const [method, path, headers] of [
    ['POST', '/v1/vendors/nudge/token', asAlice()],
    ['GET', '/v1/vendors/nymbl/proxy/Patients', asAlice()],
    ['GET', '/v1/session', {}],
  ] as const) {
    const response = await fetch(url + path, { method, headers });
    statuses.push([response.status, response.headers.get('valet-key')]);
    await response.text();
  }
  expect(statuses).toEqual([
    [200, 'broker'],
    [200, 'vendor'],
    [401, 'broker'],
  ]);
  expect(new Set(decisions.map(({ clientAddress }) => clientAddress))).toEqual(new Set(['127.0.0.1']));
  await silent.close();
  await expect(fetch(`${url}/v1/session`, { headers: asAlice() })).rejects.toThrow('fetch failed');
  await closeServer(server);
});

test('closing waits for a running call of a Node server, and cuts it off after `shutdown.timeoutMs`', async () => {
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'drip', intervalMs: 600_000 } }]);
  const config = { ...createConfigFor(sandbox), shutdown: { timeoutMs: 1_000 }, log: { level: 'silent' as const } };
  const silent = createBroker(config);
  const { server, url } = await mount(silent.handler);
  const response = await fetch(`${url}${proxyPath}`, { headers: asAlice() });
  const reading = response.text();
  const closing = silent.close();
  await expect(reading).rejects.toThrow('terminated');
  await closing;
  await closeServer(server);
});

test('gives the program the error of a request whose body another program part has read', async () => {
  const silent = createSilentBroker();
  const errors: unknown[] = [];
  const server = createServer((request, response) => {
    request.on('end', () =>
      silent.handler(request, response, (error) => {
        errors.push(error);
        response.writeHead(500).end();
      }),
    );
    request.resume();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/vendors/nudge/token`;
  const response = await fetch(url, { method: 'POST', headers: asAlice(json), body: '{}' });
  expect(response.status).toBe(500);
  expect(String(errors)).toContain('Mount the broker before every body parser.');
  await silent.close();
  await closeServer(server);
});
