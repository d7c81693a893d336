import { expect, test } from 'vitest';
import { createSharedCalls } from './shared-calls.ts';

test('calls with the same key share one start, and calls with another key do not', async () => {
  const calls = createSharedCalls();
  let count = 0;
  const start = () => Promise.resolve(++count);

  expect(await Promise.all([calls.join('a', start), calls.join('a', start), calls.join('b', start)])).toEqual([
    1, 1, 2,
  ]);
  expect(await calls.join('a', start)).toBe(3);
});

test('a failure rejects every caller that joined, and the next call starts again', async () => {
  const calls = createSharedCalls();
  const fail = () => Promise.reject(new Error('down'));

  const outcomes = await Promise.allSettled([calls.join('key', fail), calls.join('key', fail)]);

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await calls.join('key', () => Promise.resolve('up'))).toBe('up');
});
