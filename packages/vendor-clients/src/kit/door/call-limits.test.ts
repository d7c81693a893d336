import { expect, test } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createBulkhead } from './call-limits.ts';

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

test('a caller alone uses all its sockets, and another caller receives one at once', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 100, maxSockets: 8 });
  const greedy = Array.from({ length: 20 }, () => bulkhead.enter('greedy'));
  expect(greedy.filter(({ turn }) => turn === undefined)).toHaveLength(8);
  const others = Array.from({ length: 10 }, (_, index) => bulkhead.enter(`other ${index % 5}`));
  expect(others.slice(0, 5).map(({ turn }) => turn)).toEqual(Array.from({ length: 5 }, () => undefined));
  // The sockets that other callers return go to them first: the greedy caller has more than are free.
  for (const { leave } of others.slice(0, 5)) leave();
  await Promise.all(others.map(({ turn }) => turn));
});

test('callers that wait receive sockets in turn, whatever the number of their calls', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 100, maxSockets: 1 });
  const holders = [bulkhead.enter('a'), bulkhead.enter('b')];
  const turns: string[] = [];
  const wait = async (caller: string): Promise<void> => {
    const { turn, leave } = bulkhead.enter(caller);
    await turn;
    turns.push(caller);
    leave();
  };
  const waiting = ['c', 'c', 'c', 'd', 'd'].map(wait);
  holders[0]?.leave();
  await Promise.all(waiting);
  expect(turns).toEqual(['c', 'd', 'c', 'd', 'c']);
});

test('a caller that fills its places is refused, and another caller is not', () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 5, maxSockets: 1 });
  for (let count = 0; count < 5; count += 1) bulkhead.enter('greedy');
  expect(() => bulkhead.enter('greedy')).toThrow(expect.objectContaining({ code: 'overloaded' }));
  bulkhead.enter('other');
});

test('once more calls waited without a pause than fit in, no more wait than have a socket, and each caller still finds a place', async () => {
  const clock = createVirtualClock();
  const bulkhead = createBulkhead({ vendor, clock, maxCalls: 20, maxSockets: 2 });
  const greedy = Array.from({ length: 20 }, () => bulkhead.enter('greedy'));
  expect(() => bulkhead.enter('greedy')).toThrow('Too many calls');
  for (let count = 0; count < 20; count += 1) {
    greedy.shift()?.leave();
    await greedy[1]?.turn;
    greedy.push(bulkhead.enter('greedy'));
  }
  greedy.shift()?.leave();
  await greedy[1]?.turn;
  expect(() => bulkhead.enter('greedy')).toThrow(expect.objectContaining({ code: 'overloaded', reason: 'bulkhead' }));
  for (const { leave } of greedy.splice(4)) leave();
  expect(() => bulkhead.enter('greedy'), 'two calls have a socket, and two wait').toThrow('Too many calls');
  expect(bulkhead.enter('other').turn, 'another caller has a socket at once').toBeUndefined();
  for (const { leave } of greedy) leave();
  await new Promise(setImmediate);
  clock.advance(2_000);
  const soon = Array.from({ length: 4 }, () => bulkhead.enter('greedy'));
  expect(() => bulkhead.enter('greedy'), 'the line was empty for too short a time').toThrow('Too many calls');
  for (const { leave } of soon) leave();
  await new Promise(setImmediate);
  clock.advance(2_001);
  const afterwards = Array.from({ length: 15 }, () => bulkhead.enter('greedy'));
  expect(afterwards).toHaveLength(15);
});

test('several sockets that are free at once are passed on in the same turn of the event loop', async () => {
  const bulkhead = createBulkhead({ vendor, clock: createVirtualClock(), maxCalls: 200, maxSockets: 70 });
  const holders = Array.from({ length: 70 }, () => bulkhead.enter());
  let passedOn = 0;
  for (let count = 0; count < 70; count += 1) void bulkhead.enter().turn?.then(() => (passedOn += 1));
  for (const { leave } of holders) leave();
  await new Promise(setImmediate);
  expect(passedOn, 'other work of this turn is not put off for all of them').toBe(64);
  await new Promise(setImmediate);
  expect(passedOn).toBe(70);
});
