import { expect, test } from 'vitest';
import { createRecorder, type TokenCacheEvent } from './events.ts';
import { createStoreDoor, unavailable } from './store-door.ts';
import type { TokenStore } from './store-types.ts';
import { createVirtualTime } from './testing/virtual-time.ts';

const store = { timeoutMs: 250 } as TokenStore;

const setUp = () => {
  const time = createVirtualTime();
  const events: TokenCacheEvent[] = [];
  const recorder = createRecorder((event) => events.push(event));
  const door = createStoreDoor({ store, clock: time, timers: time, recorder, storeRetryMs: 1000 });
  return { time, events, recorder, door };
};

const never = () => new Promise<never>(() => undefined);
const failing = (error: unknown) => async (): Promise<never> => {
  throw error;
};

test('without a store nothing is to be had', async () => {
  const time = createVirtualTime();
  const recorder = createRecorder(undefined);
  const door = createStoreDoor({ store: undefined, clock: time, timers: time, recorder, storeRetryMs: 1000 });
  expect(await door.ask(async () => 1)).toBe(unavailable);
  expect(await door.insist(async () => 1)).toBe(unavailable);
  expect(door.reachable()).toBeUndefined();
});

test('hands the store to the call, and its answer back', async () => {
  const { time, events, door } = setUp();
  expect(await door.ask(async (given) => given === store)).toBe(true);
  expect(door.reachable()).toBe(true);
  expect(time.pendingTimers()).toBe(0);
  expect(events).toEqual([]);
});

test('a call that takes too long is given up, and what it answers later does not count', async () => {
  const { time, events, door } = setUp();
  let answerLate: (value: string) => void = () => undefined;
  const asked = door.ask(() => new Promise<string>((resolve) => (answerLate = resolve)));
  let answer: unknown;
  void asked.then((value) => (answer = value));
  await time.advance(249);
  expect(answer).toBeUndefined();
  await time.advance(1);
  expect(answer).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'timeout' }]);
  answerLate('late');
  await time.settle();
  expect(door.reachable()).toBe(false);
  expect(events).toHaveLength(1);
});

test.each([
  [new Error('READONLY You cannot write against a read only replica.'), 'READONLY'],
  [new Error("OOM command not allowed when used memory > 'maxmemory'."), 'OOM'],
  [new Error('NOPERM'), 'NOPERM'],
  [Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [new Error('The client is closed, redis://:canary@host'), 'error'],
  [new Error('CANARY-token'), 'error'],
  [new Error('A'), 'error'],
  [new Error('A'.repeat(41)), 'error'],
  [new Error(' READONLY'), 'error'],
  [Object.assign(new Error('READONLY x'), { code: 7 }), 'error'],
  ['WRONGPASS canary', 'error'],
  [undefined, 'error'],
  [null, 'error'],
])('an error (%o) is told by its word alone: %s', async (error, reason) => {
  const { events, door } = setUp();
  expect(await door.ask(failing(error))).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason }]);
});

test('a store that throws before it promises is one that failed', async () => {
  const { time, events, door } = setUp();
  const answer = await door.ask(() => {
    throw new Error('BROKEN');
  });
  expect(answer).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'BROKEN' }]);
  expect(time.pendingTimers()).toBe(0);
});

test('a store that failed is left alone for a while, then one call finds out', async () => {
  const { time, events, recorder, door } = setUp();
  await door.ask(failing(new Error('DOWN')));
  let calls = 0;
  const count = async () => (calls += 1);
  await time.advance(999);
  expect(await door.ask(count)).toBe(unavailable);
  expect(calls).toBe(0);
  await time.advance(1);
  expect(await door.ask(count)).toBe(1);
  expect(door.reachable()).toBe(true);
  expect(events.map(({ type }) => type)).toEqual(['store_down', 'store_up']);
  expect(recorder.counters.storeFailures).toBe(1);
  expect(await door.ask(count)).toBe(2);
});

test('while one call finds out, the others wait for what it finds', async () => {
  const { time, door } = setUp();
  await door.ask(failing(new Error('DOWN')));
  await time.advance(1000);
  let calls = 0;
  let answerProbe: (value: string) => void = () => undefined;
  const probe = door.ask(() => new Promise<string>((resolve) => (answerProbe = resolve)));
  const others = [1, 2, 3].map(() => door.ask(async () => (calls += 1)));
  await time.settle();
  expect(calls).toBe(0);
  answerProbe('up');
  expect(await probe).toBe('up');
  expect(await Promise.all(others)).toEqual([1, 2, 3]);
});

test('if it finds the store still down, nobody else asks', async () => {
  const { time, events, door } = setUp();
  await door.ask(failing(new Error('DOWN')));
  await time.advance(1000);
  let calls = 0;
  const probe = door.ask(never);
  const other = door.ask(async () => (calls += 1));
  await time.advance(250);
  expect(await Promise.all([probe, other])).toEqual([unavailable, unavailable]);
  expect(calls).toBe(0);
  await time.advance(999);
  expect(await door.ask(async () => (calls += 1))).toBe(unavailable);
  await time.advance(1);
  expect(await door.ask(async () => (calls += 1))).toBe(1);
  expect(events.map(({ type }) => type)).toEqual(['store_down', 'store_down', 'store_up']);
});

test('who insists is let through in any case', async () => {
  const { door } = setUp();
  await door.ask(failing(new Error('DOWN')));
  expect(await door.insist(async () => 'let through')).toBe('let through');
  expect(door.reachable()).toBe(true);
});
