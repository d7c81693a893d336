import { expect, test } from 'vitest';
import { createStoreHealth } from './store-health.ts';
import type { Store } from './store.ts';

function start() {
  let nowMs = 0;
  let looks = 0;
  let isBroken = false;
  const check = async () => {
    looks += 1;
    if (isBroken) throw new Error('full');
  };
  const health = createStoreHealth({ check } as Store, { nowMs: () => nowMs, monotonicMs: () => nowMs });
  return {
    health,
    looks: () => looks,
    advance: (milliseconds: number) => {
      nowMs += milliseconds;
    },
    breakIt: (broken: boolean) => {
      isBroken = broken;
    },
  };
}

test('however often it is asked, the store is asked once a second', async () => {
  const { health, looks, advance, breakIt } = start();
  await Promise.all([health.check(), health.check()]);
  advance(999);
  await health.check();
  expect(looks()).toBe(1);
  advance(1);
  breakIt(true);
  await expect(health.check()).rejects.toThrow('full');
  breakIt(false);
  await health.check();
  expect(looks(), 'what is broken is asked again').toBe(3);
});

test('a look that began before a write failed says nothing of it', async () => {
  const answers: (() => void)[] = [];
  const store = { check: () => new Promise<void>((resolve) => answers.push(resolve)) } as Store;
  const health = createStoreHealth(store, { nowMs: () => 0, monotonicMs: () => 0 });
  const early = health.check();
  health.reportFailure();
  const admitted = health.assertWritable();
  answers[0]?.();
  await early;
  expect(answers).toHaveLength(2);
  answers[1]?.();
  await admitted;
  await health.assertWritable();
  expect(answers).toHaveLength(2);
});

test('after a failed write nothing is begun before the store is well again', async () => {
  const { health, looks, breakIt } = start();
  await health.assertWritable();
  expect(looks()).toBe(0);
  breakIt(true);
  health.reportFailure();
  await expect(health.assertWritable()).rejects.toThrow('full');
  await expect(health.check()).rejects.toThrow('full');
  breakIt(false);
  await health.assertWritable();
  await health.assertWritable();
  expect(looks()).toBe(3);
});
