import { expect, test } from 'vitest';
import type { TokenStore } from '../stores/store-types.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import { createStoreDoor, type StoreEvent, unavailable } from './store-door.ts';

const store = { timeoutMs: 250 } as TokenStore;

function setUp() {
  const time = createVirtualTime();
  const events: StoreEvent[] = [];
  const record = (event: StoreEvent): void => void events.push(event);
  const door = createStoreDoor({ store, clock: time, timers: time, record, storeRetryMs: 1000 });
  return { time, events, door };
}

const never = () => new Promise<never>(() => undefined);

function failing(code?: unknown): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error('canary'), { code }));
}

test('without a store, every call is unavailable', async () => {
  const time = createVirtualTime();
  const door = createStoreDoor({
    store: undefined,
    clock: time,
    timers: time,
    record: () => undefined,
    storeRetryMs: 1000,
  });
  expect(await door.ask(async () => 1)).toBe(unavailable);
  expect(await door.insist(async () => 1)).toBe(unavailable);
  expect(door.isReachable()).toBeUndefined();
});

test('the door passes the store to a call and returns its result', async () => {
  const { time, events, door } = setUp();
  expect(await door.ask(async (given) => given === store)).toBe(true);
  expect(door.isReachable()).toBe(true);
  expect(time.pendingTimers()).toBe(0);
  expect(events).toEqual([]);
});

test('a call is unavailable at its deadline, and its late result is ignored', async () => {
  const { time, events, door } = setUp();
  const { promise, resolve } = Promise.withResolvers<string>();
  let result: unknown;
  void door.ask(() => promise).then((value) => (result = value));
  await time.advance(249);
  expect(result).toBeUndefined();
  await time.advance(1);
  expect(result).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'timeout' }]);
  resolve('late');
  await time.settle();
  expect(door.isReachable()).toBe(false);
  expect(events).toHaveLength(1);
});

test.each([
  ['ECONNREFUSED', 'ECONNREFUSED'],
  ['READONLY', 'READONLY'],
  ['a sentence with a canary', 'error'],
  [7, 'error'],
  [undefined, 'error'],
])('an error with the code %o is reported as %s, without its text', async (code, reason) => {
  const { events, door } = setUp();
  expect(await door.ask(failing(code))).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason }]);
});

test.each([['text'], [undefined], [null]])('the thrown value %o is reported as an error', async (thrown) => {
  const { events, door } = setUp();
  expect(await door.ask(() => Promise.reject(thrown))).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'error' }]);
});

test('a store that throws before it returns a promise has failed', async () => {
  const { time, events, door } = setUp();
  const result = await door.ask(() => {
    throw Object.assign(new Error('canary'), { code: 'BROKEN' });
  });
  expect(result).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'BROKEN' }]);
  expect(time.pendingTimers()).toBe(0);
});

test('a store that failed is left alone for storeRetryMs, then one call reaches it', async () => {
  const { time, events, door } = setUp();
  await door.ask(failing());
  let calls = 0;
  const count = async () => (calls += 1);
  await time.advance(999);
  expect(await door.ask(count)).toBe(unavailable);
  expect(calls).toBe(0);
  await time.advance(1);
  expect(await door.ask(count)).toBe(1);
  expect(door.isReachable()).toBe(true);
  expect(events.map(({ type }) => type)).toEqual(['store_down', 'store_up']);
  expect(await door.ask(count)).toBe(2);
});

test('while one call finds out whether the store is back, the others wait for it', async () => {
  const { time, door } = setUp();
  await door.ask(failing());
  await time.advance(1000);
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<string>();
  const probe = door.ask(() => promise);
  const others = [1, 2, 3].map(() => door.ask(async () => (calls += 1)));
  await time.settle();
  expect(calls).toBe(0);
  resolve('up');
  expect(await probe).toBe('up');
  expect(await Promise.all(others)).toEqual([1, 2, 3]);
});

test('if the first call finds that the store is still down, the waiting calls do not reach it', async () => {
  const { time, events, door } = setUp();
  await door.ask(failing());
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

test('a call that insists reaches a store that is left alone', async () => {
  const { door } = setUp();
  await door.ask(failing());
  expect(await door.insist(async () => 'reached')).toBe('reached');
  expect(door.isReachable()).toBe(true);
});
