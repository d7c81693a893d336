import { expect, test } from 'vitest';
import type { TokenStore } from '../stores/store-types.ts';
import { createVirtualTime } from '../testing/virtual-time.ts';
import { createStoreAccess, type StoreEvent, unavailable } from './store-access.ts';

const store = { timeoutMs: 250 } as TokenStore;

function setUp() {
  const time = createVirtualTime();
  const events: StoreEvent[] = [];
  const record = (event: StoreEvent): void => void events.push(event);
  const storeAccess = createStoreAccess({ store, clock: time, timers: time, record, storeRetryMs: 1000 });
  return { time, events, storeAccess };
}

const never = () => new Promise<never>(() => undefined);

function failing(code?: unknown): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error('canary'), { code }));
}

test('without a store, every call resolves to `unavailable`', async () => {
  const time = createVirtualTime();
  const storeAccess = createStoreAccess({
    store: undefined,
    clock: time,
    timers: time,
    record: () => undefined,
    storeRetryMs: 1000,
  });
  expect(await storeAccess.call(async () => 1)).toBe(unavailable);
  expect(await storeAccess.callDuringPause(async () => 1)).toBe(unavailable);
  expect(storeAccess.isReachable()).toBeUndefined();
});

test('call passes the store to its function and returns the result', async () => {
  const { time, events, storeAccess } = setUp();
  expect(await storeAccess.call(async (given) => given === store)).toBe(true);
  expect(storeAccess.isReachable()).toBe(true);
  expect(time.pendingTimers()).toBe(0);
  expect(events).toEqual([]);
});

test('a call resolves to `unavailable` at its deadline, whatever its result is later', async () => {
  const { time, events, storeAccess } = setUp();
  const { promise, resolve } = Promise.withResolvers<string>();
  let result: unknown;
  void storeAccess.call(() => promise).then((value) => (result = value));
  await time.advance(249);
  expect(result).toBeUndefined();
  await time.advance(1);
  expect(result).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'timeout' }]);
  resolve('late');
  await time.settle();
  expect(storeAccess.isReachable()).toBe(false);
  expect(events).toHaveLength(1);
});

test.each([
  ['ECONNREFUSED', 'ECONNREFUSED'],
  ['READONLY', 'READONLY'],
  ['a sentence with a canary', 'error'],
  [7, 'error'],
  [undefined, 'error'],
])('the event for an error with the code %j has the reason %s and no text of the error', async (code, reason) => {
  const { events, storeAccess } = setUp();
  expect(await storeAccess.call(failing(code))).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason }]);
});

test.each([['text'], [undefined], [null]])(
  'the event for the thrown value %j has the reason `error`',
  async (thrown) => {
    const { events, storeAccess } = setUp();
    expect(await storeAccess.call(() => Promise.reject(thrown))).toBe(unavailable);
    expect(events).toEqual([{ type: 'store_down', reason: 'error' }]);
  },
);

test('a store that throws before it returns a promise counts as failed', async () => {
  const { time, events, storeAccess } = setUp();
  const result = await storeAccess.call(() => {
    throw Object.assign(new Error('canary'), { code: 'BROKEN' });
  });
  expect(result).toBe(unavailable);
  expect(events).toEqual([{ type: 'store_down', reason: 'BROKEN' }]);
  expect(time.pendingTimers()).toBe(0);
});

test('the cache does not call a store that failed for storeRetryMs, and calls it again afterwards', async () => {
  const { time, events, storeAccess } = setUp();
  await storeAccess.call(failing());
  let calls = 0;
  const count = async () => (calls += 1);
  await time.advance(999);
  expect(await storeAccess.call(count)).toBe(unavailable);
  expect(calls).toBe(0);
  await time.advance(1);
  expect(await storeAccess.call(count)).toBe(1);
  expect(storeAccess.isReachable()).toBe(true);
  expect(events.map(({ type }) => type)).toEqual(['store_down', 'store_up']);
  expect(await storeAccess.call(count)).toBe(2);
});

test('the first call after the pause reaches the store, and the other calls wait until it has succeeded', async () => {
  const { time, storeAccess } = setUp();
  await storeAccess.call(failing());
  await time.advance(1000);
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<string>();
  const probe = storeAccess.call(() => promise);
  const others = [1, 2, 3].map(() => storeAccess.call(async () => (calls += 1)));
  await time.settle();
  expect(calls).toBe(0);
  resolve('up');
  expect(await probe).toBe('up');
  expect(await Promise.all(others)).toEqual([1, 2, 3]);
});

test('if the first call after the pause fails, the calls that wait for it do not reach the store', async () => {
  const { time, events, storeAccess } = setUp();
  await storeAccess.call(failing());
  await time.advance(1000);
  let calls = 0;
  const probe = storeAccess.call(never);
  const other = storeAccess.call(async () => (calls += 1));
  await time.advance(250);
  expect(await Promise.all([probe, other])).toEqual([unavailable, unavailable]);
  expect(calls).toBe(0);
  await time.advance(999);
  expect(await storeAccess.call(async () => (calls += 1))).toBe(unavailable);
  await time.advance(1);
  expect(await storeAccess.call(async () => (calls += 1))).toBe(1);
  expect(events.map(({ type }) => type)).toEqual(['store_down', 'store_down', 'store_up']);
});

test('callDuringPause calls a store that failed less than storeRetryMs ago', async () => {
  const { storeAccess } = setUp();
  await storeAccess.call(failing());
  expect(await storeAccess.callDuringPause(async () => 'reached')).toBe('reached');
  expect(storeAccess.isReachable()).toBe(true);
});
