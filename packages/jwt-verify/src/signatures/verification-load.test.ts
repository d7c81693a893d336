import { expect, test } from 'vitest';
import { createVerificationLoad } from './verify-signature.ts';

const rs256 = 23;

test('admit() sends a check that takes long to the pool', () => {
  expect(createVerificationLoad().admit(151)).toBe(false);
});

test('admit() keeps the first of many calls in one tick on the thread of the caller, and sends the others to the pool', async () => {
  const load = createVerificationLoad();
  const admitted = Array.from({ length: 32 }, () => load.admit(rs256));
  expect(admitted.lastIndexOf(true)).toBe(4);
  expect(admitted.indexOf(false)).toBe(5);
  await Promise.resolve();
  expect(load.admit(rs256)).toBe(true);
});

test('admit() sends every check to the pool while many are under way there', () => {
  const load = createVerificationLoad();
  for (let count = 0; count < 5; count += 1) load.start();
  expect(load.admit(rs256)).toBe(false);
  load.end();
  expect(load.admit(rs256)).toBe(true);
});

test('admit() sends checks to the pool once those of one turn have held the event loop for a millisecond', async () => {
  const load = createVerificationLoad();
  const admitAlone = async (): Promise<boolean> => {
    await Promise.resolve();
    return load.admit(100);
  };
  for (let count = 0; count < 10; count += 1) expect(await admitAlone()).toBe(true);
  expect(await admitAlone()).toBe(false);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(await admitAlone()).toBe(true);
});
