import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { percentile, runLoad, startBaselineServer, type Load, type Sample } from '../support/open-loop.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

/** The broker closes a TCP connection if the head of a request takes longer. */
const headLimitMs = 10_000;
/** The broker closes a TCP connection if a body makes too little progress in this time. */
const bodyLimitMs = 15_000;
/** The broker checks its limits once a second, and this test notices a closed TCP connection later. */
const graceMs = 3_000;

/**
 * Opens TCP connections, writes `start` on each of them, and then `piece` every second. Returns a promise for each
 * connection, which resolves with the milliseconds until the connection was closed.
 */
async function openConnections(
  origin: string,
  count: number,
  start: string,
  piece: string,
): Promise<Promise<number>[]> {
  const { hostname, port } = new URL(origin);
  const closings: Promise<number>[] = [];
  for (let opened = 0; opened < count; opened += 1) {
    // The system drops TCP connections if too many arrive at once.
    if (opened % 100 === 99) await setTimeout(10);
    const socket: Socket = connect({ host: hostname, port: Number(port) });
    const startedAt = performance.now();
    if (start !== '') socket.write(start);
    const timer = setInterval(() => piece !== '' && socket.writable && socket.write(piece), 1_000);
    socket.on('error', () => undefined).resume();
    const closing = new Promise<number>((resolve) =>
      socket.once('close', () => {
        clearInterval(timer);
        resolve(performance.now() - startedAt);
      }),
    );
    closings.push(closing);
  }
  return closings;
}

/** Runs loads at the same time, and returns the samples of each. */
const runLoads = (...loads: readonly Load[]): Promise<Sample[][]> => Promise.all(loads.map(runLoad));

test('the broker closes TCP connections with slow heads, slow bodies or no bytes within its limits, and serves other callers', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox, 5_000));
  using baseline = await startBaselineServer();
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  await broker.issue('nudge', token);
  const head = `POST /v1/vendors/nudge/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
  const json = 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a":';
  const loadFor = (durationMs: number): [Load, Load] => {
    const load = { method: 'POST', token, perSecond: 50, durationMs } as const;
    return [
      { ...load, url: `${broker.brokerUrl}/v1/vendors/nudge/token` },
      { ...load, url: baseline.url },
    ];
  };

  const [calm = [], baselineWhenCalm = []] = await runLoads(...loadFor(8_000));
  const heads = await openConnections(broker.brokerUrl, 250, head, 'X: y\r\n');
  const bodies = await openConnections(broker.brokerUrl, 250, head + json, '"');
  const silent = await openConnections(broker.brokerUrl, 2_000, '', '');
  // The load starts once the connections are open, because this process opens them and also measures.
  await setTimeout(2_000);
  const [underAttack = [], baselineUnderAttack = []] = await runLoads(...loadFor(18_000));

  expect(new Set([...calm, ...underAttack].map(({ status }) => status))).toEqual(new Set([200]));
  // A busy machine also delays the baseline server, which does no work.
  const machine = Math.max(percentile(baselineUnderAttack, 0.99) / percentile(baselineWhenCalm, 0.99), 1);
  expect(percentile(underAttack, 0.99) / percentile(calm, 0.99) / machine).toBeLessThan(3);
  const lateMs = percentile(baselineUnderAttack, 1);
  expect(Math.max(...(await Promise.all(heads)))).toBeLessThan(headLimitMs + graceMs + lateMs);
  expect(Math.max(...(await Promise.all(bodies)))).toBeLessThan(bodyLimitMs + graceMs + lateMs);
  expect(Math.max(...(await Promise.all(silent)))).toBeLessThan(headLimitMs + graceMs + lateMs);

  const countConnections = () =>
    new Promise<number>((resolve) => broker.broker.app.server.getConnections((_, count) => resolve(count)));
  await expect.poll(countConnections, { timeout: 60_000 }).toBeLessThan(60);
  expect((await broker.call('/healthz')).status).toBe(200);
  expect(broker.logLines().filter((line) => /"level":[56]0/.test(line))).toEqual([]);
});
