import type { ServerResponse } from 'node:http';
import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { startVendorServer } from '../testing/vendor-server.ts';
import { openDoor } from './door.ts';
import { maxConnections } from './pool.ts';

const vendor = { id: 'vital', title: 'Vital' };

test('calls that wait for a vendor which turns out to be down are not sent to it', async () => {
  const held: ServerResponse[] = [];
  await using server = await startVendorServer((response) => held.push(response));
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 10_000 });
  const send = async (): Promise<string> => {
    try {
      await door.begin().send({ method: 'GET', path: '/x' });
      return 'answered';
    } catch (failure) {
      return ValetKeyError.isInstance(failure) ? (failure.reason ?? failure.code) : 'foreign';
    }
  };
  const sent = Array.from({ length: maxConnections }, send);
  const waiting = Array.from({ length: 500 }, send);
  await expect.poll(() => held.length).toBe(maxConnections);
  for (const response of held) response.destroy();
  expect(new Set(await Promise.all(sent))).not.toContain('circuit_open');
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['circuit_open']));
  expect(server.calls).toHaveLength(maxConnections);
  await door.close();
});

test('calls that wait for a vendor which is well are sent one after the other', async () => {
  await using server = await startVendorServer({ text: 'ok' });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 10_000 });
  const calls = Array.from({ length: 1_000 }, () => door.begin().send({ method: 'GET', path: '/x' }));
  expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([200]));
  expect(server.connections()).toBe(maxConnections);
  await door.close();
});
