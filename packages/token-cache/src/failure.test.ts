import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { cooldownMs, fromStoredFailure, recall, toStoredFailure } from './failure.ts';

const rules = { cooldownSeconds: 1, maxCooldownSeconds: 30 };
const throttled = (retryAfterSeconds?: number): ValetKeyError =>
  new ValetKeyError('vendor_rate_limited', 'Too many.', { vendor: 'nymbl', retryAfterSeconds, reason: 'throttled' });

test('the cool-down doubles from 1 s to 30 s', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 2000].map((attempts) => cooldownMs(new Error('x'), attempts, rules))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test('it is never less than the vendor asked for, and never more than an hour', () => {
  expect(cooldownMs(throttled(5), 1, rules)).toBe(5000);
  expect(cooldownMs(throttled(5), 4, rules)).toBe(8000);
  expect(cooldownMs(throttled(90), 9, rules)).toBe(90_000);
  expect(cooldownMs(throttled(1e12), 1, rules)).toBe(3_600_000);
  for (const nonsense of [undefined, 0, -5, Number.NaN]) expect(cooldownMs(throttled(nonsense), 1, rules)).toBe(1000);
});

test('a remembered failure is the same one, with the seconds that are left', () => {
  const error = new ValetKeyError('vendor_timeout', 'Slow.', { vendor: 'nymbl', reason: 'late', remediation: 'Wait.' });
  const told = recall({ error, attempts: 1, untilMs: 10_000 }, 8500);
  expect(told).toBeInstanceOf(ValetKeyError);
  expect(told).toMatchObject({
    code: 'vendor_timeout',
    message: 'Slow.',
    vendor: 'nymbl',
    reason: 'late',
    remediation: 'Wait.',
    retryAfterSeconds: 2,
  });
  const foreign = new Error('foreign');
  expect(recall({ error: foreign, attempts: 1, untilMs: 10_000 }, 8500)).toBe(foreign);
});

test('a failure goes to other replicas in our own words alone', () => {
  const stored = toStoredFailure(throttled(5), 'nymbl', 3);
  expect(stored).toEqual({
    code: 'vendor_rate_limited',
    detail: 'Too many.',
    remediation: throttled().remediation,
    vendor: 'nymbl',
    reason: 'throttled',
    attempts: 3,
  });
  expect(fromStoredFailure(stored)).toEqual(throttled());
  expect(toStoredFailure(new Error('Bearer canary'), 'nymbl', 1)).toEqual({
    code: 'vendor_unavailable',
    detail: 'No token could be issued.',
    vendor: 'nymbl',
    reason: 'issue_failed',
    attempts: 1,
  });
});
