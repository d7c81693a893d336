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

test('connections go to the first who came, and those who wait count as well', () => {
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
  clock.advance(10);
  expect(waited()).toEqual([0, 10, 20, 30]);
  third.leave();
  fourth.leave();
  const next = [bulkhead.enter(), bulkhead.enter()];
  clock.advance(10);
  expect(next.map(({ waitedMs }) => waitedMs())).toEqual([0, 10]);
});
