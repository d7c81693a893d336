import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { cooldownMs, toCooldownError, toError, toStoredFailure } from './failure.ts';

const rules = { cooldownSeconds: 1, maxCooldownSeconds: 30 };

function throttled(retryAfterSeconds?: number): ValetKeyError {
  return new ValetKeyError('vendor_rate_limited', 'Too many.', {
    vendor: 'nymbl',
    retryAfterSeconds,
    reason: 'throttled',
    advice: 'Ask for more.',
    cause: { type: 'vendor_status', status: 429 },
  });
}

test('cooldownMs doubles with each attempt, from 1 s to 30 s', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 2000].map((attempts) => cooldownMs(new Error('x'), attempts, rules))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000,
  ]);
});

test('cooldownMs is at least the Retry-After of the vendor, up to an hour', () => {
  expect(cooldownMs(throttled(5), 1, rules)).toBe(5000);
  expect(cooldownMs(throttled(5), 4, rules)).toBe(8000);
  expect(cooldownMs(throttled(90), 9, rules)).toBe(90_000);
  expect(cooldownMs(throttled(1e12), 1, rules)).toBe(3_600_000);
  for (const nonsense of [undefined, 0, -5, Number.NaN]) expect(cooldownMs(throttled(nonsense), 1, rules)).toBe(1000);
});

test('toCooldownError returns the same failure with the seconds that remain, and a foreign error unchanged', () => {
  const error = new ValetKeyError('vendor_timeout', 'Slow.', {
    vendor: 'nymbl',
    reason: 'late',
    remediation: 'Wait.',
    advice: 'Look.',
    cause: { type: 'oauth_error', error: 'invalid_scope' },
  });
  const received = toCooldownError({ error, attempts: 1, untilMs: 10_000 }, 8500);
  expect(received).toBeInstanceOf(ValetKeyError);
  expect(received).toMatchObject({
    code: 'vendor_timeout',
    message: 'Slow.',
    vendor: 'nymbl',
    reason: 'late',
    remediation: 'Wait.',
    advice: 'Look.',
    cause: { type: 'oauth_error', error: 'invalid_scope' },
    retryAfterSeconds: 2,
  });
  const foreign = new Error('foreign');
  expect(toCooldownError({ error: foreign, attempts: 1, untilMs: 10_000 }, 8500)).toBe(foreign);
});

test('toStoredFailure keeps every field of a ValetKeyError, and no text of a foreign error', () => {
  const stored = toStoredFailure(throttled(5), 'nymbl', 3);
  expect(stored).toEqual({
    code: 'vendor_rate_limited',
    detail: 'Too many.',
    remediation: throttled().remediation,
    advice: 'Ask for more.',
    vendor: 'nymbl',
    reason: 'throttled',
    cause: { type: 'vendor_status', status: 429 },
    attempts: 3,
  });
  expect(toError(stored)).toEqual(throttled());
  expect(toError(stored).cause).toEqual(throttled().cause);
  expect(toStoredFailure(new Error('Bearer canary'), 'nymbl', 1)).toEqual({
    code: 'vendor_unavailable',
    detail: 'No token could be issued.',
    vendor: 'nymbl',
    reason: 'issue_failed',
    attempts: 1,
  });
});
