import { expect, test } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createBulkhead } from './bulkhead.ts';

const vendor = { id: 'nabla', title: 'Nabla' };

test('a full bulkhead refuses a call at once, and a place that is left twice becomes free once', () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 2, maxSockets: 2 });
  const { leave } = bulkhead.enter();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded', retryAfterSeconds: 1 }));
  leave();
  leave();
  bulkhead.enter();
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
});

test('waiting calls receive the socket one after the other, each when the call before it leaves', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 4, maxSockets: 1 });
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

test('sockets are given in the order of entry, and waiting calls count as calls under way', async () => {
  const clock = createVirtualClock();
  const bulkhead = createBulkhead({ vendor, clock, maxCalls: 4, maxSockets: 1 });
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

test('calls that gave their sockets back are not under way while the sockets are passed on', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 4, maxSockets: 2 });
  const [first, second, third, fourth] = [bulkhead.enter(), bulkhead.enter(), bulkhead.enter(), bulkhead.enter()];
  first.leave();
  second.leave();
  const late = [bulkhead.enter(), bulkhead.enter()];
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
  await Promise.all([third.turn, fourth.turn]);
  expect(() => bulkhead.enter()).toThrow(expect.objectContaining({ code: 'overloaded' }));
  third.leave();
  fourth.leave();
  await Promise.all(late.map(({ turn }) => turn));
});
