import { expect, test } from 'vitest';
import { startVendorServer } from '../testing/vendor-server.ts';
import { openDoor } from './door.ts';

const vendor = { id: 'nymbl', title: 'Nymbl' };

test('calls that wait for a connection end with their deadline, and are no failures of the vendor', async () => {
  await using server = await startVendorServer((response) => {
    response.writeHead(200).write('begun');
  });
  const door = openDoor({ vendor, baseUrl: server.url, timeoutMs: 1_000 });
  const holding = new AbortController();
  const hold = async () => {
    const { extend } = await door.begin(holding).stream({ method: 'GET', path: '/x', maxResponseBytes: 1_000 });
    extend(60_000);
  };
  for (let count = 0; count < 64; count += 1) await hold();

  const startedAt = performance.now();
  await expect(door.begin().send({ method: 'GET', path: '/x' })).rejects.toMatchObject({ code: 'overloaded' });
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  const leaving = new AbortController();
  const left = door.begin(leaving).send({ method: 'GET', path: '/x' });
  leaving.abort(new Error('left'));
  await expect(left).rejects.toThrow('left');

  const crowd = await Promise.allSettled(
    Array.from({ length: 40 }, () => door.begin().send({ method: 'GET', path: '/x' })),
  );
  expect(crowd.map((one) => one.status === 'rejected' && (one.reason as { code: string }).code)).toEqual(
    Array.from({ length: 40 }, () => 'overloaded'),
  );
  holding.abort();
  server.answer({ text: 'well' });
  expect((await door.begin().send({ method: 'GET', path: '/x' })).status).toBe(200);
});
