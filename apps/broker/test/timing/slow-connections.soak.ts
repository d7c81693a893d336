import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createSandbox } from '@valetkey/sandbox';
import { expect, test } from 'vitest';
import { percentile, runLoad } from '../support/open-loop.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

/** Opens connections, writes a beginning on each and then one more piece each second. Tells when each was closed. */
async function hold(origin: string, count: number, start: string, piece: string): Promise<Promise<number>[]> {
  const { hostname, port } = new URL(origin);
  const closings: Promise<number>[] = [];
  for (let opened = 0; opened < count; opened += 1) {
    // The system drops connections that come faster than they are taken.
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

test('slow heads, slow bodies and silent connections are ended, and nobody else notices', async () => {
  await using sandbox = await createSandbox();
  await using broker = await startRecordingBroker(createConfigFor(sandbox, 5_000));
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  await broker.issue('nudge', token);
  const head = `POST /v1/vendors/nudge/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
  const json = 'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a":';
  const url = `${broker.brokerUrl}/v1/vendors/nudge/token`;

  const heads = await hold(broker.brokerUrl, 250, head, 'X: y\r\n');
  const bodies = await hold(broker.brokerUrl, 250, head + json, '"');
  const silent = await hold(broker.brokerUrl, 2_000, '', '');
  // Opening them is the burden of this process, which is also the one that measures.
  await setTimeout(2_000);
  const healthy = await runLoad({ url, method: 'POST', token, perSecond: 50, durationMs: 18_000 });

  expect(new Set(healthy.map(({ status }) => status))).toEqual(new Set([200]));
  expect(percentile(healthy, 0.99)).toBeLessThan(1_000);
  expect(Math.max(...(await Promise.all(heads)))).toBeLessThan(13_000);
  expect(Math.max(...(await Promise.all(bodies)))).toBeLessThan(18_000);
  expect(Math.max(...(await Promise.all(silent)))).toBeLessThan(13_000);
  await expect
    .poll(
      () => new Promise<number>((resolve) => broker.broker.app.server.getConnections((_, count) => resolve(count))),
      {
        timeout: 10_000,
      },
    )
    .toBeLessThan(60);
  await setTimeout(100);
  expect((await broker.call('/healthz')).status).toBe(200);
  expect(broker.logLines().filter((line) => /"level":[56]0/.test(line))).toEqual([]);
});
