import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createBulkhead } from './bulkhead.ts';

const vendor = { id: 'nabla', title: 'Nabla' };

test('a full bulkhead refuses at once, and a place that is left is free again, once', () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), places: 2, connections: 2 });
  const { leave } = bulkhead.enter();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 }));
  leave();
  leave();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

test('a turn comes when a connection is left, to one who waits after the other', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), places: 4, connections: 1 });
  const [first, second, third] = [bulkhead.enter(), bulkhead.enter(), bulkhead.enter()];
  const turns: string[] = [];
  void second.turn?.then(() => turns.push('second'));
  void third.turn?.then(() => turns.push('third'));
  expect(first.turn).toBeUndefined();
  await new Promise(setImmediate);
  expect(turns).toEqual([]);
  first.leave();
  expect(turns).toEqual([]);
  await new Promise(setImmediate);
  expect(turns).toEqual(['second']);
  second.leave();
  await new Promise(setImmediate);
  expect(turns).toEqual(['second', 'third']);
});

test('connections go to the first who came, and those who wait count as well', async () => {
  const clock = createVirtualClock();
  const bulkhead = createBulkhead({ vendor, clock, places: 4, connections: 1 });
  const [first, second, third, fourth] = [bulkhead.enter(), bulkhead.enter(), bulkhead.enter(), bulkhead.enter()];
  const waited = () => [first, second, third, fourth].map(({ waitedMs }) => waitedMs());
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
  clock.advance(10);
  expect(waited()).toEqual([0, 10, 10, 10]);
  second.leave();
  second.leave();
  clock.advance(10);
  first.leave();
  await third.turn;
  clock.advance(10);
  expect(waited()).toEqual([0, 10, 20, 30]);
  third.leave();
  fourth.leave();
  await new Promise(setImmediate);
  const next = [bulkhead.enter(), bulkhead.enter()];
  clock.advance(10);
  expect(next.map(({ waitedMs }) => waitedMs())).toEqual([0, 10]);
});
