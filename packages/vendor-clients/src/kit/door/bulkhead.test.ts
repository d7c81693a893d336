import { expect, test } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createBulkhead } from './bulkhead.ts';

const vendor = { id: 'nabla', title: 'Nabla' };

test('a full bulkhead refuses at once, and a place that is left twice is free once', () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 2, maxConnections: 2 });
  const { leave } = bulkhead.enter();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 }));
  leave();
  leave();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

test('calls that wait receive a connection one after the other, each when the one before leaves', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 4, maxConnections: 1 });
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

test('connections are given in the order of entry, and waiting calls count as calls under way', async () => {
  const clock = createVirtualClock();
  const bulkhead = createBulkhead({ vendor, clock, maxCalls: 4, maxConnections: 1 });
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
