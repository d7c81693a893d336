import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { rememberState } from './served-store.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

const issuer = 'https://id.example.com';
const alice = { connection: 'vital', vendor: 'vital', issuer, subject: 'alice' };
const bob = { ...alice, subject: 'bob' };
const logout = {
  issuer,
  tokenId: 'token-1',
  tokenExpiresAtMs: Date.now() + 3_600_000,
  issuedUntilSeconds: 1_000,
  keepUntilMs: Date.now() + 3_600_000,
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Remembers the state of a store whose calls are recorded. `other` is the store of another broker over the same rows. */
function createHarness(maxPrincipals?: number) {
  const clock = createVirtualClock();
  const other = createSqliteStore(':memory:');
  const calls: string[] = [];
  const waits: Partial<Record<keyof Store, Promise<unknown>>> = {};
  const failing = new Set<keyof Store>();
  const recorded = Object.fromEntries(
    Object.entries(other).map(([name, run]) => [
      name,
      async (...values: unknown[]) => {
        calls.push(name);
        if (failing.has(name as keyof Store)) throw new Error('The store fails.');
        const result = await (run as (...given: unknown[]) => Promise<unknown>)(...values);
        await waits[name as keyof Store];
        return result;
      },
    ]),
  ) as unknown as Store;
  const state = rememberState(recorded, { clock, readChanges: recorded.readChanges, maxPrincipals });
  onTestFinished(async () => {
    state.stop();
    await other.close();
  });
  return {
    ...state,
    other,
    waits,
    failing,
    advance: async (ms: number) => {
      // A poll that still runs would be the only one.
      await setImmediate();
      for (let passed = 0; passed < ms; passed += 500) {
        clock.advance(500);
        vi.advanceTimersByTime(500);
        await setImmediate();
      }
    },
    /** Returns the calls of the store since the last call of this function, without the polls. */
    readsSince: () => calls.splice(0).filter((name) => name !== 'readChanges'),
    polls: () => calls.filter((name) => name === 'readChanges').length,
  };
}

test('reads a principal once for many requests', async () => {
  const { store, other, start, advance, readsSince } = createHarness();
  await other.setVendorUser(alice, 'one');
  start();
  await advance(500);
  for (let request = 0; request < 50; request += 1) {
    expect(await store.isBlocked(alice)).toBe(false);
    expect(await store.listRevocations(alice)).toEqual([]);
    expect(await store.isSessionRevoked({ issuer, session: 's-1' })).toBe(false);
    expect(await store.findVendorUser(alice)).toBe('one');
  }
  expect(readsSince()).toEqual(['isBlocked', 'listRevocations', 'isSessionRevoked', 'findVendorUser']);
});

test('begins to poll with the first read, every half second, and reads the store until the first poll has succeeded', async () => {
  const { store, advance, readsSince, polls } = createHarness();
  expect(polls()).toBe(0);
  await store.isBlocked(alice);
  await store.isBlocked(alice);
  expect(polls()).toBe(1);
  await advance(2_000);
  expect(polls()).toBe(5);
  readsSince();
  await store.isBlocked(alice);
  await store.isBlocked(alice);
  expect(readsSince().length).toBeLessThanOrEqual(1);
});

test('notices within one poll what another broker changed, and keeps what it knows of other principals', async () => {
  const { store, other, start, advance, readsSince } = createHarness();
  await other.setVendorUser(alice, 'one');
  start();
  await advance(500);
  const read = async () => [
    await store.isBlocked(alice),
    await store.findVendorUser(alice),
    (await store.listRevocations(alice)).length,
    await store.isSessionRevoked({ issuer, session: 's-1' }),
  ];
  expect(await read()).toEqual([false, 'one', 0, false]);
  await store.isBlocked(bob);
  readsSince();

  await other.blockUser(alice);
  await advance(500);
  expect(await read()).toEqual([true, 'one', 0, false]);
  await other.unblockUser(alice);
  await other.setVendorUser(alice, 'two');
  await advance(500);
  expect(await read()).toEqual([false, 'two', 0, false]);
  await other.removeVendorUser(alice, 'two');
  await other.recordLogout({ ...logout, subject: 'alice', session: 's-1' });
  await advance(500);
  expect(await read()).toEqual([false, undefined, 1, true]);
  readsSince();
  await store.isBlocked(bob);
  expect(readsSince()).toEqual([]);
});

test('knows its own changes at once, also if the store reports a failure after it has committed', async () => {
  const { store, other, start, advance, failing } = createHarness();
  start();
  await advance(500);
  await store.isBlocked(alice);
  await store.blockUser(alice);
  expect(await store.isBlocked(alice)).toBe(true);
  await store.unblockUser(alice);
  expect(await store.isBlocked(alice)).toBe(false);
  await store.setVendorUser(alice, 'one');
  expect(await store.findVendorUser(alice)).toBe('one');
  await store.setVendorUser(alice, 'two');
  expect(await store.findVendorUser(alice)).toBe('two');
  expect(await store.removeVendorUser(alice, 'two')).toBe(true);
  expect(await store.findVendorUser(alice)).toBeUndefined();
  await store.addVendorUser(alice, 'three');
  expect(await store.findVendorUser(alice)).toBe('three');
  expect(await store.forgetVendorUser(alice, 'three')).toBe(true);
  expect(await store.findVendorUser(alice)).toBeUndefined();
  expect(await store.listRevocations(alice)).toEqual([]);
  await store.recordLogout({ ...logout, subject: 'alice' });
  expect(await store.listRevocations(alice)).toHaveLength(1);
  expect(await store.isSessionRevoked({ issuer, session: 's-1' })).toBe(false);
  await store.recordLogout({ ...logout, tokenId: 'token-2', session: 's-1' });
  expect(await store.isSessionRevoked({ issuer, session: 's-1' })).toBe(true);

  failing.add('blockUser');
  await other.blockUser(alice);
  await expect(store.blockUser(alice)).rejects.toThrow('The store fails.');
  expect(await store.isBlocked(alice)).toBe(true);
});

test('looks an absent vendor user up each time, because any broker may add it', async () => {
  const { store, other, start, advance, readsSince } = createHarness();
  start();
  await advance(500);
  expect(await store.findVendorUser(alice)).toBeUndefined();
  readsSince();
  expect(await store.findVendorUser(alice)).toBeUndefined();
  expect(readsSince()).toEqual(['findVendorUser']);
  await other.addVendorUser(alice, 'one');
  expect(await store.findVendorUser(alice)).toBe('one');
});

test.each(['another broker', 'this broker'])(
  'does not keep what it read before a change by %s that it learned of meanwhile',
  async (who) => {
    const { store, other, start, advance, waits } = createHarness();
    start();
    await advance(500);
    const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
    waits.isBlocked = slow;
    const reading = store.isBlocked(alice);
    await setImmediate();
    delete waits.isBlocked;
    await (who === 'this broker' ? store : other).blockUser(alice);
    await advance(500);
    finish();
    expect(await reading, 'the read began before the block').toBe(false);
    expect(await store.isBlocked(alice)).toBe(true);
  },
);

test('reads the store for every request once polls have failed for more than two seconds, and catches up afterwards', async () => {
  const { store, other, start, advance, failing, readsSince } = createHarness();
  start();
  await advance(500);
  await store.isBlocked(alice);
  failing.add('readChanges');
  await other.blockUser(alice);
  await advance(2_000);
  readsSince();
  expect(await store.isBlocked(alice), 'the last poll began two seconds ago').toBe(false);
  expect(readsSince()).toEqual([]);
  await advance(500);
  expect(await store.isBlocked(alice)).toBe(true);
  await other.unblockUser(alice);
  expect(await store.isBlocked(alice)).toBe(false);
  await other.blockUser(alice);
  expect(readsSince()).toEqual(['isBlocked', 'isBlocked']);
  failing.clear();
  await advance(500);
  expect(await store.isBlocked(alice), 'a change during the outage is applied').toBe(true);
  expect(await store.isBlocked(alice)).toBe(true);
  expect(readsSince()).toEqual(['isBlocked']);
});

test('rejects instead of using what it knew while the store fails', async () => {
  const { store, start, advance, failing } = createHarness();
  start();
  await advance(500);
  await store.isBlocked(alice);
  for (const operation of ['readChanges', 'isBlocked'] as const) failing.add(operation);
  await advance(2_500);
  await expect(store.isBlocked(alice)).rejects.toThrow('The store fails.');
});

test('does not begin a second poll while one is running, and a slow poll counts from its begin', async () => {
  const { store, start, advance, waits, polls, readsSince } = createHarness();
  start();
  await advance(500);
  await store.isBlocked(alice);
  const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
  waits.readChanges = slow;
  readsSince();
  await advance(3_000);
  expect(polls()).toBe(1);
  delete waits.readChanges;
  finish();
  await setImmediate();
  readsSince();
  await store.isBlocked(alice);
  expect(readsSince(), 'the poll that ended now began three seconds ago').toEqual(['isBlocked']);
});

test('forgets everything if changes that it missed were deleted, and if the numbers went back', async () => {
  const { store, other, start, advance, waits, readsSince } = createHarness();
  await other.blockUser(bob);
  start();
  await advance(500);
  await store.isBlocked(alice);
  const { promise: slow, resolve: finish } = Promise.withResolvers<void>();
  waits.readChanges = slow;
  await advance(500);
  await other.blockUser(alice);
  await other.deleteExpired(Date.now() + 7_200_000, 1_000);
  delete waits.readChanges;
  finish();
  await advance(500);
  readsSince();
  expect(await store.isBlocked(alice)).toBe(true);
  expect(readsSince()).toEqual(['isBlocked']);
});

test('reads again what it has known for half a minute, because a broker of an earlier version stores no changes', async () => {
  const { store, start, advance, readsSince } = createHarness();
  start();
  await advance(500);
  await store.isBlocked(alice);
  await advance(15_000);
  await store.listRevocations(alice);
  await advance(15_000);
  readsSince();
  await store.isBlocked(alice);
  expect(readsSince()).toEqual([]);
  await advance(500);
  await store.isBlocked(alice);
  await store.listRevocations(alice);
  expect(readsSince(), 'the age of the first part counts').toEqual(['isBlocked', 'listRevocations']);
});

test('knows at most the given number of principals, and forgets the one that was used least recently', async () => {
  const { store, start, advance, readsSince } = createHarness(2);
  start();
  await advance(500);
  await store.isBlocked(alice);
  await store.isBlocked(bob);
  await store.isBlocked(alice);
  await store.isBlocked({ issuer, subject: 'carol' });
  readsSince();
  await store.isBlocked(alice);
  expect(readsSince()).toEqual([]);
  await store.isBlocked(bob);
  expect(readsSince()).toEqual(['isBlocked']);
});

test('keeps no timer after its end, and then reads the store for every request', async () => {
  const { store, start, stop, advance, readsSince } = createHarness();
  start();
  start();
  await advance(500);
  await store.isBlocked(alice);
  expect(vi.getTimerCount()).toBe(1);
  stop();
  expect(vi.getTimerCount()).toBe(0);
  readsSince();
  await store.isBlocked(alice);
  await store.isBlocked(alice);
  expect(readsSince()).toEqual(['isBlocked', 'isBlocked']);
  expect(vi.getTimerCount()).toBe(0);
});
