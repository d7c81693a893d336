import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openRawConnection } from '../support/raw-connection.ts';
import { startValetkey } from '../support/valetkey-process.ts';
import { createVendorGate, heldAtGate, type VendorGate } from '../support/vendor-gate.ts';
import { startWrittenVendor } from '../support/written-vendor.ts';

const apiKey = 'key-of-the-shutdown-test';
const tokenRoute = 'GET /api/clients/jwt/token';
const polling = { interval: 5, timeout: 10_000 };

let folder: string;
let gate: VendorGate;
let sandbox: Sandbox;
let token: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-shutdown-'));
  gate = createVendorGate();
  sandbox = await createSandbox({ sleep: gate.sleep });
  sandbox.nudge.setApiKeys([apiKey]);
  token = await sandbox.mintUserToken({ sub: 'alice' });
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    log: { level: 'warn' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    // The deadline is longer than any test holds a call.
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey, timeoutMs: 20_000 } },
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
});
afterEach(async () => {
  await sandbox.close();
  await rm(folder, { recursive: true });
});

const countVendorCalls = () => sandbox.calls()['nudge']?.[tokenRoute] ?? 0;

/** Starts a broker process, and an HTTP client that keeps its TCP connections open, as a proxy in front of the broker does. */
async function startBroker(file = 'valetkey.json') {
  const broker = startValetkey(['start', '--config', file], folder);
  const [, brokerUrl = '', adminUrl = ''] = await broker.waitForOutput(/listens on (\S+),\s+for operators on (\S+)\./);
  const agent = new Agent({ connections: 256, keepAliveTimeout: 60_000 });
  const send = async (url: string, method: 'GET' | 'POST' = 'GET') => {
    const headers = { authorization: `Bearer ${token}` };
    const { statusCode, body } = await request(url, { dispatcher: agent, method, headers });
    await body.dump();
    return statusCode;
  };
  return {
    ...broker,
    brokerUrl,
    adminUrl,
    /** Returns the status of an issue request, or the error of a TCP connection that failed. */
    issue: () => send(`${brokerUrl}/v1/vendors/nudge/token`, 'POST').catch(String),
    /** Returns the status of `/readyz`, or `unreachable`. */
    readReadiness: () => send(`${brokerUrl}/readyz`).catch(() => 'unreachable' as const),
    readAdminReadiness: () => send(`${adminUrl}/readyz`),
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      await broker[Symbol.asyncDispose]();
    },
  };
}

test('reports that it is not ready, serves every call that it accepts, and exits with 0 on SIGTERM under load', async () => {
  await using broker = await startBroker();
  const statuses: (number | string)[] = [];
  const sendCalls = async () => {
    statuses.push(...(await Promise.all(Array.from({ length: 8 }, broker.issue))));
  };
  for (let round = 0; round < 10; round += 1) await sendCalls();
  const callsUnderWay = sendCalls();
  broker.signal('SIGTERM');
  await callsUnderWay;
  // A load balancer sends calls for as long as the broker reports that it is ready.
  let readiness: number | string = 200;
  for (let round = 0; readiness === 200 && round < 1_000; round += 1) {
    [readiness] = await Promise.all([broker.readReadiness(), sendCalls()]);
  }
  expect(readiness).toBe(503);
  expect(await broker.readAdminReadiness()).toBe(503);
  // The load balancer needs a moment to send the calls elsewhere.
  for (let round = 0; round < 3; round += 1) await sendCalls();
  expect(await broker.exitCode).toBe(0);
  expect(broker.output()).not.toContain('cut off');
  expect([...new Set(statuses)]).toEqual([200]);
  expect(statuses.length).toBeGreaterThan(80);
  expect(broker.output()).not.toMatch(/"level":[56]0/);
});

test('reports that it is not ready after SIGQUIT, finishes the running calls, and exits with 0', async () => {
  await using broker = await startBroker();
  sandbox.setFaults([{ vendor: 'nudge', fault: heldAtGate }]);
  const running = broker.issue();
  await expect.poll(countVendorCalls, polling).toBe(1);
  broker.signal('SIGQUIT');
  await expect.poll(() => broker.readAdminReadiness(), polling).toBe(503);
  gate.open();
  expect(await running).toBe(200);
  expect(await broker.exitCode).toBe(0);
});

test.each(['SIGUSR1', 'SIGUSR2'] as const)(
  'continues to serve after %s without a terminal, opens no debugger, and says what to do',
  async (signal) => {
    await using broker = await startBroker();
    broker.signal(signal);
    await broker.waitForOutput(new RegExp(`${signal} has no effect. Send SIGHUP to reload the configuration`));
    expect(await broker.issue()).toBe(200);
    expect(broker.output()).not.toContain('Debugger');
  },
);

test('closes idle TCP connections and its listener on SIGINT while calls are running, and finishes those calls', async () => {
  await using broker = await startBroker();
  // The HTTP client keeps the TCP connections of these calls open too.
  await Promise.all(Array.from({ length: 20 }, broker.issue));
  sandbox.resetCalls();
  const idle = openRawConnection(broker.brokerUrl);
  await idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  expect((await idle.read((text) => text.includes('"ok"'))).statuses).toEqual([200]);
  sandbox.setFaults([{ vendor: 'nudge', fault: heldAtGate }]);
  const running = [broker.issue(), broker.issue(), broker.issue()];
  await expect.poll(countVendorCalls, polling).toBe(3);
  broker.signal('SIGINT');
  expect((await idle.read()).closed).toBe(true);
  await expect.poll(() => broker.readReadiness(), polling).toBe('unreachable');
  gate.open();
  expect(await Promise.all(running)).toEqual([200, 200, 200]);
  expect(await broker.exitCode).toBe(0);
});

test('on SIGINT, closes TCP connections whose clients have sent nothing or only part of a request, and exits with 0', async () => {
  await using broker = await startBroker();
  const partialRequest = 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ';
  const silent = openRawConnection(broker.adminUrl);
  const partial = openRawConnection(broker.brokerUrl);
  await partial.write(partialRequest);
  const servedBefore = openRawConnection(broker.brokerUrl);
  await servedBefore.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n${partialRequest}`);
  expect((await servedBefore.read((text) => text.includes('"ok"'))).statuses).toEqual([200]);
  sandbox.setFaults([{ vendor: 'nudge', fault: heldAtGate }]);
  const running = broker.issue();
  await expect.poll(countVendorCalls, polling).toBe(1);
  broker.signal('SIGINT');
  const responses = await Promise.all([partial.read(), servedBefore.read()]);
  expect(responses.map(({ closed }) => closed)).toEqual([true, true]);
  // The admin listener closes after the listener for apps, which waits for the running call.
  gate.open();
  expect(await running).toBe(200);
  expect((await silent.read()).closed).toBe(true);
  expect(await broker.exitCode).toBe(0);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a second %s ends the process before a running call is finished',
  async (signal) => {
    // The other broker receives the first signal only. Both start at the same time.
    const otherStart = startBroker();
    await using broker = await startBroker();
    await using otherBroker = await otherStart;
    sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'hang' } }]);
    const running = broker.issue();
    void otherBroker.issue();
    await expect.poll(countVendorCalls, polling).toBe(2);
    otherBroker.signal(signal);
    broker.signal(signal);
    await expect.poll(() => broker.readReadiness(), polling).not.toBe(200);
    broker.signal(signal);
    const first = await Promise.race([
      broker.exitCode.then((code) => `after two signals, with ${code}`),
      otherBroker.exitCode.then((code) => `after one signal, with ${code}`),
    ]);
    expect(first).toBe('after two signals, with 1');
    expect(await running, 'the error of the TCP connection').toEqual(expect.any(String));
  },
);

/** Starts a broker with a vendor that streams, and calls that vendor. `received` returns the text that the caller has received. */
async function startStream(timeoutMs: number) {
  const begun = Promise.withResolvers<(text: string) => void>();
  const vendor = await startWrittenVendor((response, { url }) => {
    if (url === '/token') {
      response.setHeader('content-type', 'application/json').end('{"access_token":"server-token"}');
      return;
    }
    response.writeHead(200).write('first');
    begun.resolve((text) => response.end(text));
  });
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    shutdown: { timeoutMs },
    vendors: {
      nymbl: {
        baseUrl: vendor.url,
        tokenUrl: `${vendor.url}/token`,
        clientId: 'client',
        clientSecret: apiKey,
        apiKey,
        customer: { value: 'customer' },
        allow: [{ method: 'GET', path: '/Patients' }],
      },
    },
  };
  const file = 'stream.json';
  await writeFile(join(folder, file), JSON.stringify(config));
  const broker = await startBroker(file);
  const caller = openRawConnection(broker.brokerUrl);
  await caller.write(
    `GET /v1/vendors/nymbl/proxy/Patients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  await caller.read((text) => text.includes('first'));
  return {
    broker,
    caller,
    end: await begun.promise,
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await vendor[Symbol.asyncDispose]();
    },
  };
}

test('a stream that ends within shutdown.timeoutMs is delivered whole, and its TCP connection is closed', async () => {
  await using stream = await startStream(600_000);
  stream.broker.signal('SIGINT');
  await stream.broker.waitForOutput(/"running":1,"timeoutMs":600000,"msg":"waiting for running calls"/);
  stream.end('last');
  const { text, closed } = await stream.caller.read();
  expect([text.endsWith('last\r\n0\r\n\r\n'), closed]).toEqual([true, true]);
  expect(await stream.broker.exitCode).toBe(0);
  expect(stream.broker.output()).not.toContain('cut off');
});

test('a stream that still runs after shutdown.timeoutMs is cut off and counted in the log, and the broker exits with 0', async () => {
  await using stream = await startStream(50);
  stream.broker.signal('SIGINT');
  const { text, closed } = await stream.caller.read();
  expect([text.endsWith('first\r\n'), closed]).toEqual([true, true]);
  expect(await stream.broker.exitCode).toBe(0);
  expect(stream.broker.output()).toMatch(/"level":40.*"running":1,"timeoutMs":50,"msg":"running calls were cut off"/);
});
