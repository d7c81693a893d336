import { createSandbox, type Fault, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BrokerDependencies } from '../../src/assemble.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import { openRawConnection, sendBytes } from '../support/raw-connection.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { createVendorGate, heldAtGate, type VendorGate } from '../support/vendor-gate.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

let gate: VendorGate;
let sandbox: Sandbox;
let alice: string;
beforeAll(async () => {
  sandbox = await createSandbox({ sleep: (milliseconds, signal) => gate.sleep(milliseconds, signal) });
  alice = await sandbox.mintUserToken({ sub: 'alice' });
  // The sandbox generates its keys at the first call, which is slow.
  await using broker = await startRecordingBroker(createConfigFor(sandbox));
  await broker.call(proxyPath, alice);
});
afterAll(() => sandbox.close());

/** Starts a broker with a closed gate, over a sandbox without faults and without calls. */
async function startBroker({
  timeoutMs = 15_000,
  store,
}: { timeoutMs?: number } & Pick<BrokerDependencies, 'store'> = {}) {
  gate = createVendorGate();
  sandbox.setFaults([]);
  sandbox.resetCalls();
  const broker = await startRecordingBroker(createConfigFor(sandbox, timeoutMs), store && { store });
  await broker.call('/v1/session', alice);
  let requests = 0;
  broker.broker.app.server.on('request', () => (requests += 1));
  return { ...broker, countRequests: () => requests };
}

const proxyPath = '/v1/vendors/nymbl/proxy/Patients';
const polling = { interval: 5, timeout: 10_000 };
const countTokenCalls = () => sandbox.calls()['nymbl-idp']?.['POST /oauth2/token'] ?? 0;
const countProxiedCalls = () => sandbox.calls()['nymbl']?.['GET /Patients'] ?? 0;
const countCreations = () => sandbox.calls()['vital']?.['POST /v2/user'] ?? 0;
const repeat = <Result>(count: number, call: () => Result) => Array.from({ length: count }, call);

test('serves 20 callers with one server token call after the caller that started the call has disconnected', async () => {
  await using broker = await startBroker();
  sandbox.setFaults([{ vendor: 'nymbl-idp', fault: heldAtGate }]);
  const disconnect = new AbortController();
  const callAndDisconnect = () =>
    broker.call(proxyPath, alice, { signal: disconnect.signal }).catch(() => 'disconnected');
  const first = callAndDisconnect();
  await expect.poll(countTokenCalls, polling).toBe(1);
  const others = repeat(20, () => broker.call(proxyPath, alice));
  const last = callAndDisconnect();
  await expect.poll(broker.countRequests, polling).toBe(22);
  disconnect.abort();
  expect(await Promise.all([first, last])).toEqual(['disconnected', 'disconnected']);
  gate.open();
  const responses = await Promise.all(others);
  expect([...new Set(responses.map(({ status }) => status))]).toEqual([200]);
  expect(countTokenCalls()).toBe(1);
});

test('serves the next caller after every caller that shared a server token call has disconnected', async () => {
  await using broker = await startBroker();
  sandbox.setFaults([{ vendor: 'nymbl-idp', fault: heldAtGate, count: 1 }]);
  const disconnect = new AbortController();
  const calls = repeat(5, () => broker.call(proxyPath, alice, { signal: disconnect.signal }));
  await expect.poll(countTokenCalls, polling).toBe(1);
  disconnect.abort();
  await Promise.allSettled(calls);
  const next = broker.call(proxyPath, alice);
  gate.open();
  expect((await next).status).toBe(200);
  expect(broker.logLines().filter((line) => line.includes('"level":50'))).toEqual([]);
});

test('shares one failed server token call among 30 callers, and calls again after its cool-down', async () => {
  const clock = createVirtualClock();
  await using timedSandbox = await createSandbox({ clock });
  await using broker = await startRecordingBroker(createConfigFor(timedSandbox), { clock });
  const token = await timedSandbox.mintUserToken({ sub: 'alice' });
  const countCalls = () => timedSandbox.calls()['nymbl-idp']?.['POST /oauth2/token'] ?? 0;
  timedSandbox.setFaults([{ vendor: 'nymbl-idp', fault: { type: 'status', status: 401 } }]);
  const responses = await Promise.all(repeat(30, () => broker.call(proxyPath, token)));
  const bodies = await Promise.all(responses.map(async (response) => (await response.json()) as { code: string }));
  expect([...new Set(bodies.map(({ code }) => code))]).toEqual(['vendor_auth_failed']);
  expect(countCalls()).toBe(1);
  timedSandbox.setFaults([]);
  expect((await broker.call(proxyPath, token)).status).toBe(502);
  expect(countCalls()).toBe(1);
  clock.advance(15_000);
  expect((await broker.call(proxyPath, token)).status).toBe(200);
});

test('still calls the vendor after 40 callers disconnected during their calls', async () => {
  await using broker = await startBroker();
  await broker.call(proxyPath, alice);
  sandbox.setFaults([{ vendor: 'nymbl', fault: { type: 'hang' } }]);
  sandbox.resetCalls();
  const disconnect = new AbortController();
  const calls = repeat(40, () => broker.call(proxyPath, alice, { signal: disconnect.signal }));
  await expect.poll(countProxiedCalls, polling).toBeGreaterThan(0);
  disconnect.abort();
  await Promise.allSettled(calls);
  sandbox.setFaults([]);
  expect((await broker.call(proxyPath, alice)).status).toBe(200);
});

test('still calls the vendor after 100 callers sent an incomplete or malformed body', async () => {
  await using broker = await startBroker({ timeoutMs: 1_000 });
  await broker.call(proxyPath, alice);
  const head = `POST ${proxyPath} HTTP/1.1\r\nHost: ${new URL(broker.brokerUrl).host}\r\nAuthorization: Bearer ${alice}\r\n`;
  // The broker waits for the rest of these two bodies before it calls the vendor.
  const waiting = ['Content-Length: 100\r\n\r\n{"half":', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'];
  // The broker streams the first of these two bodies to the vendor, and cannot parse the second.
  const refused = [
    `Content-Length: 100000\r\n\r\n${'x'.repeat(70_000)}`,
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n',
  ];
  const connections = waiting.flatMap((body) =>
    repeat(25, () => {
      const connection = openRawConnection(broker.brokerUrl);
      void connection.write(head + body);
      return connection;
    }),
  );
  const responses = await Promise.all(
    refused.flatMap((body) => repeat(25, () => sendBytes(broker.brokerUrl, [head + body]))),
  );
  expect([...new Set(responses.map(({ statuses }) => statuses.join()))]).toEqual(['400']);
  await expect.poll(broker.countRequests, polling).toBeGreaterThanOrEqual(101);
  const withoutResponse = await Promise.all(connections.map((connection) => connection.read(() => true)));
  expect(withoutResponse.flatMap(({ statuses }) => statuses)).toEqual([]);
  for (const connection of connections) connection.destroy();
  expect((await broker.call(proxyPath, alice)).status).toBe(200);
  expect(broker.logLines().filter((line) => /"level":50|circuit_opened/.test(line))).toEqual([]);
});

test('creates one Vital user for 10 concurrent requests of a principal after the caller that started the creation has disconnected', async () => {
  await using broker = await startBroker();
  const carol = await sandbox.mintUserToken({ sub: 'carol' });
  sandbox.setFaults([{ vendor: 'vital', route: 'POST /v2/user', fault: heldAtGate }]);
  const disconnect = new AbortController();
  const first = broker.issue('vital', carol, { signal: disconnect.signal }).catch(() => 'disconnected');
  await expect.poll(countCreations, polling).toBe(1);
  const others = repeat(10, async () => (await broker.issue('vital', carol)).json());
  await expect.poll(broker.countRequests, polling).toBe(11);
  disconnect.abort();
  expect(await first).toBe('disconnected');
  gate.open();
  const users = (await Promise.all(others)) as { user_id?: string }[];
  expect(new Set(users.map(({ user_id: userId }) => userId)).size).toBe(1);
  expect(users[0]?.user_id).toEqual(expect.any(String));
  expect(countCreations()).toBe(1);
});

test('shares one failed creation of a Vital user among 10 concurrent requests, and creates the user for the next request', async () => {
  const store = createSqliteStore(':memory:');
  let lookups = 0;
  const countingStore: typeof store = {
    ...store,
    findVendorUser: (key) => {
      lookups += 1;
      return store.findVendorUser(key);
    },
  };
  await using broker = await startBroker({ store: countingStore });
  const dave = await sandbox.mintUserToken({ sub: 'dave' });
  lookups = 0;
  const refusal: Fault = { type: 'status', status: 422, body: { detail: [] } };
  sandbox.setFaults([
    { vendor: 'vital', route: 'POST /v2/user', fault: heldAtGate },
    { vendor: 'vital', route: 'POST /v2/user', fault: refusal },
  ]);
  const calls = repeat(10, () => broker.issue('vital', dave));
  // Each caller looks for the vendor user, and the creation looks once more.
  await expect.poll(() => lookups, polling).toBe(11);
  gate.open();
  const responses = await Promise.all(calls);
  expect([...new Set(responses.map(({ status }) => status))]).toEqual([502]);
  expect(countCreations()).toBe(1);
  sandbox.setFaults([]);
  expect((await broker.issue('vital', dave)).status).toBe(200);
});
