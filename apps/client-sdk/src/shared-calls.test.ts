import { expect, test } from 'vitest';
import { createSharedCalls } from './shared-calls.ts';

test('a call that began before clear does not end the call that began after it', async () => {
  const calls = createSharedCalls();
  const before = Promise.withResolvers<string>();
  const after = Promise.withResolvers<string>();

  const first = calls.join('key', () => before.promise);
  calls.clear();
  const second = calls.join('key', () => after.promise);
  before.resolve('first');
  await first;
  const third = calls.join('key', () => Promise.resolve('a separate call'));
  after.resolve('second');

  expect(await second).toBe('second');
  expect(await third).toBe('second');
});

test('a failure rejects every caller that joined, and the next call starts anew', async () => {
  const calls = createSharedCalls();
  const fail = () => Promise.reject(new Error('down'));

  const outcomes = await Promise.allSettled([calls.join('key', fail), calls.join('key', fail)]);

  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await calls.join('key', () => Promise.resolve('up'))).toBe('up');
});
