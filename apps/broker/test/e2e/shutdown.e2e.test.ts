import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
let sandbox: Sandbox;
let token: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-shutdown-'));
  sandbox = await createSandbox();
  sandbox.nudge.setApiKeys(['key-of-the-test']);
  token = await sandbox.mintUserToken({ sub: 'alice' });
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    log: { level: 'warn' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey: 'key-of-the-test' } },
  };
  await writeFile(join(folder, 'valetkey.json'), JSON.stringify(config));
});
beforeEach(() => sandbox.setFaults([]));
afterAll(async () => {
  await sandbox.close();
  await rm(folder, { recursive: true });
});

/** A broker process, and callers who keep their connections as a proxy in front does. */
async function start() {
  const broker = startValetkey(['start', '--config', 'valetkey.json'], folder);
  const [, brokerUrl = '', adminUrl = ''] = await broker.says(/listens on (\S+), for operators on (\S+)\./);
  const agent = new Agent({ connections: 256, keepAliveTimeout: 60_000 });
  const send = async (url: string, method: 'GET' | 'POST' = 'GET') => {
    const headers = { authorization: `Bearer ${token}` };
    const { statusCode, body } = await request(url, { dispatcher: agent, method, headers });
    await body.dump();
    return statusCode;
  };
  return {
    broker,
    brokerUrl,
    adminUrl,
    issue: () => send(`${brokerUrl}/v1/vendors/nudge/token`, 'POST'),
    ready: () => send(`${brokerUrl}/readyz`),
    adminReady: () => send(`${adminUrl}/readyz`),
    [Symbol.asyncDispose]: async () => {
      await agent.destroy();
      await broker[Symbol.asyncDispose]();
    },
  };
}

test('SIGTERM under load: told first, not one accepted call fails, and the end is clean', async () => {
  await using running = await start();
  const { broker, issue, ready, adminReady } = running;
  expect(await issue()).toBe(200);
  sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'latency', delayMs: 300 } }]);

  const calls: Promise<number | string>[] = [];
  const admins: number[] = [];
  let signalledAt = 0;
  let toldAfterMs = 0;
  // A balancer sends calls for as long as the broker says that it takes them.
  for (let count = 0; toldAfterMs === 0; count += 1) {
    if (count === 20) {
      broker.signal('SIGTERM');
      signalledAt = performance.now();
    }
    for (let index = 0; index < 4; index += 1) calls.push(issue().catch((error: Error) => String(error)));
    await setTimeout(40);
    if ((await ready()) === 503) toldAfterMs = performance.now() - signalledAt;
  }
  admins.push(await adminReady());
  // Its news takes a moment to reach everybody.
  for (let count = 0; count < 10; count += 1) {
    calls.push(issue().catch((error: Error) => String(error)));
    await setTimeout(40);
  }
  const outcomes = await Promise.all(calls);
  expect(await broker.ended).toBe(0);
  expect(performance.now() - signalledAt).toBeLessThan(10_000);
  expect([...new Set(outcomes)]).toEqual([200]);
  expect(outcomes.length).toBeGreaterThan(80);
  expect(toldAfterMs).toBeLessThan(1_000);
  expect(admins).toEqual([503]);
  expect(broker.printed()).not.toMatch(/"level":[56]0/);
});

test('a call that began before the listener closed is finished after it, and idle connections hold nothing up', async () => {
  await using running = await start();
  const { broker, issue, ready } = running;
  await Promise.all(Array.from({ length: 20 }, issue));
  sandbox.resetCalls();
  sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'latency', delayMs: 1_000 } }]);
  const slow = [issue(), issue(), issue()];
  await expect.poll(() => sandbox.calls()['nudge']?.['GET /api/clients/jwt/token']).toBe(3);
  broker.signal('SIGINT');
  const signalledAt = performance.now();
  expect(await Promise.all(slow)).toEqual([200, 200, 200]);
  expect(await broker.ended).toBe(0);
  expect(performance.now() - signalledAt).toBeLessThan(5_000);
  expect(await ready().catch(() => 'nobody there')).toBe('nobody there');
});

test('connections on which nobody waits for an answer do not keep it', async () => {
  await using running = await start();
  const { broker, issue, brokerUrl, adminUrl } = running;
  const sockets = [brokerUrl, adminUrl, brokerUrl].map((url) => connect(Number(new URL(url).port), '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  for (const socket of sockets) socket.on('error', () => undefined);
  const half = 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ';
  sockets[2]?.write(half);
  // One that was served before, and has begun another.
  sockets[0]?.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n${half}`);
  await once(sockets[0] as Socket, 'data');
  expect(await issue()).toBe(200);
  const signalledAt = performance.now();
  broker.signal('SIGINT');
  expect(await broker.ended).toBe(0);
  expect(performance.now() - signalledAt).toBeLessThan(4_000);
  for (const socket of sockets) socket.destroy();
});

test.each(['SIGTERM', 'SIGINT'] as const)('a second %s ends it at once', async (signal) => {
  await using running = await start();
  const { broker, issue } = running;
  sandbox.resetCalls();
  sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'hang' } }]);
  const hung = issue().then(
    () => 'answered',
    () => 'cut off',
  );
  await expect.poll(() => sandbox.calls()['nudge']?.['GET /api/clients/jwt/token']).toBe(1);
  broker.signal(signal);
  await setTimeout(200);
  broker.signal(signal);
  const signalledAt = performance.now();
  expect(await broker.ended).toBe(1);
  expect(performance.now() - signalledAt).toBeLessThan(1_000);
  expect(await hung).toBe('cut off');
});
