import { expect, test } from 'vitest';
import { createSharedCalls } from './shared-calls.ts';

test('a call that began before clear and settles later does not remove the call that began after clear', async () => {
  const calls = createSharedCalls();
  const before = Promise.withResolvers<string>();
  const after = Promise.withResolvers<string>();

  const first = calls.join('key', () => before.promise);
  calls.clear();
  const second = calls.join('key', () => after.promise);
  before.resolve('first');
  await first;
  const third = calls.join('key', () => Promise.resolve('third'));
  after.resolve('second');

  expect(await second).toBe('second');
  expect(await third).toBe('second');
});

test('a failure rejects every caller that joined, and the next call starts again', async () => {
  const calls = createSharedCalls();
  const fail = () => Promise.reject(new Error('down'));

  const outcomes = await Promise.allSettled([calls.join('key', fail), calls.join('key', fail)]);

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await calls.join('key', () => Promise.resolve('up'))).toBe('up');
});
