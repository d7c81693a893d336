import { afterEach, expect, test, vi } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { openDoor } from './door.ts';
import { maxSockets } from './call-limits.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };
const call = { method: 'GET', path: '/x' };
const overloaded = { code: 'overloaded', reason: 'no_connection' };

afterEach(() => {
  vi.useRealTimers();
});

test('calls that wait for a socket until their deadline reject with overloaded and do not open the circuit', async () => {
  await using server = await startVendorServer((response) => {
    response.writeHead(200).write('begun');
  });
  // Time passes only when this test says so. The network is real.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 1_000 });
  const holder = new AbortController();
  for (let count = 0; count < maxSockets; count += 1) {
    const { extend } = await door.begin(holder).stream({ ...call, maxResponseBytes: 1_000 });
    extend(60_000);
  }

  const late = door
    .begin()
    .send(call)
    .catch((failure: unknown) => failure);
  vi.advanceTimersByTime(1_000);
  expect(await late).toMatchObject(overloaded);
  const leaving = new AbortController();
  const aborted = door.begin(leaving).send(call);
  leaving.abort(new Error('aborted'));
  await expect(aborted).rejects.toThrow('aborted');

  const crowd = Promise.allSettled(Array.from({ length: 40 }, () => door.begin().send(call)));
  vi.advanceTimersByTime(1_000);
  for (const ended of await crowd) expect(ended).toMatchObject({ status: 'rejected', reason: overloaded });
  holder.abort();
  server.respond({ text: 'well' });
  expect((await door.begin().send(call)).status).toBe(200);
});
