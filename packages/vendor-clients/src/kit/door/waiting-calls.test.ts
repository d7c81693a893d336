import type { ServerResponse } from 'node:http';
import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { startVendorServer } from '../../testing/vendor-server.ts';
import { openDoor } from './door.ts';
import { maxSockets } from './call-limits.ts';

const vendor = { id: 'vital', title: 'Vital' };
const call = { method: 'GET', path: '/x' };

test('calls that wait for a socket are not sent after other calls opened the circuit', async () => {
  const held: ServerResponse[] = [];
  await using server = await startVendorServer((response) => held.push(response));
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 60_000 });
  const send = async (): Promise<string> => {
    try {
      await door.begin().send(call);
      return 'sent';
    } catch (failure) {
      return ValetKeyError.isInstance(failure) ? (failure.reason ?? failure.code) : 'foreign';
    }
  };
  const sent = Array.from({ length: maxSockets }, send);
  const waiting = Array.from({ length: 500 }, send);
  await expect.poll(() => held.length).toBe(maxSockets);
  for (const response of held) response.destroy();
  expect(new Set(await Promise.all(sent))).not.toContain('circuit_open');
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['circuit_open']));
  expect(server.calls).toHaveLength(maxSockets);
  await door.close();
});

test('calls that wait for a socket are all sent to a healthy vendor, and no more than maxSockets at once', async () => {
  let pending = 0;
  let mostPending = 0;
  await using server = await startVendorServer((response) => {
    pending += 1;
    mostPending = Math.max(mostPending, pending);
    setImmediate(() => {
      pending -= 1;
      response.end('ok');
    });
  });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 60_000 });
  const calls = Array.from({ length: 1_000 }, () => door.begin().send(call));
  expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([200]));
  expect(mostPending).toBeLessThanOrEqual(maxSockets);
  expect(server.sockets()).toBeLessThanOrEqual(2 * maxSockets);
  await door.close();
});
