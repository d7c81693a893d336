import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createStoreHealth } from './store-health.ts';
import type { Store } from './store.ts';

/** Creates the store health of a store that the test can break, with a clock that the test advances. */
function createHarness() {
  let nowMs = 0;
  let checks = 0;
  let isBroken = false;
  const check = async () => {
    checks += 1;
    if (isBroken) throw new Error('full');
  };
  const health = createStoreHealth({ check } as Store, { nowMs: () => nowMs, monotonicMs: () => nowMs });
  return {
    health,
    checks: () => checks,
    advance: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    setBroken: (broken: boolean) => {
      isBroken = broken;
    },
  };
}

test('store health checks a healthy store at most once a second, and a broken store on each call', async () => {
  const { health, checks, advance, setBroken } = createHarness();
  await Promise.all([health.check(), health.check()]);
  advance(999);
  await health.check();
  expect(checks()).toBe(1);
  advance(1);
  setBroken(true);
  await expect(health.check()).rejects.toThrow('full');
  setBroken(false);
  await health.check();
  expect(checks(), 'the broken store is checked again at once').toBe(3);
});

test('store health starts a new check after a failed write, although an earlier check is still running', async () => {
  const pendingChecks: (() => void)[] = [];
  const store = { check: () => new Promise<void>((resolve) => pendingChecks.push(resolve)) } as Store;
  const health = createStoreHealth(store, { nowMs: () => 0, monotonicMs: () => 0 });
  const earlyCheck = health.check();
  health.reportFailure();
  const writable = health.assertWritable();
  pendingChecks[0]?.();
  await earlyCheck;
  let isWritable = false;
  const stillWaiting = health.assertWritable().then(() => (isWritable = true));
  await setImmediate();
  expect(isWritable).toBe(false);
  expect(pendingChecks).toHaveLength(2);
  pendingChecks[1]?.();
  await Promise.all([writable, stillWaiting]);
  await health.assertWritable();
  expect(pendingChecks).toHaveLength(2);
});

test('`assertWritable` checks nothing before a write fails, and rejects after a failed write until a check succeeds', async () => {
  const { health, checks, setBroken } = createHarness();
  await health.assertWritable();
  expect(checks()).toBe(0);
  setBroken(true);
  health.reportFailure();
  await expect(health.assertWritable()).rejects.toThrow('full');
  await expect(health.check()).rejects.toThrow('full');
  setBroken(false);
  await health.assertWritable();
  await health.assertWritable();
  expect(checks()).toBe(3);
});
