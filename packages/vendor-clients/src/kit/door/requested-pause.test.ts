import { ValetKeyError } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../testing/virtual-clock.ts';
import { createRequestedPause } from './attempts.ts';

const vendor = { id: 'acme', title: 'Acme' };

function createPause() {
  const clock = createVirtualClock();
  const pause = createRequestedPause(vendor, clock);
  const isHeld = (key?: string): boolean => {
    try {
      pause.assertOver(key);
      return false;
    } catch {
      return true;
    }
  };
  const limit = (retryAfterSeconds: number, key?: string): void =>
    pause.note(new ValetKeyError('vendor_rate_limited', 'Too many calls.', { retryAfterSeconds }), key);
  return { clock, pause, limit, isHeld };
}

test('a pause of one key holds only the calls with this key, until its end', () => {
  const { clock, pause, limit, isHeld } = createPause();
  limit(7, 'a');
  expect([isHeld('a'), isHeld('b'), isHeld()]).toEqual([true, false, false]);
  expect(() => pause.assertOver('a')).toThrow(
    expect.objectContaining({ code: 'vendor_rate_limited', reason: 'held', retryAfterSeconds: 7 }),
  );
  clock.advance(7_000);
  expect(isHeld('a')).toBe(false);
});

test('a pause of all calls holds every key, and a shorter pause does not end it', () => {
  const { clock, limit, isHeld } = createPause();
  limit(7);
  limit(1);
  limit(1, 'a');
  clock.advance(6_999);
  expect([isHeld('a'), isHeld('b'), isHeld()]).toEqual([true, true, true]);
  clock.advance(1);
  expect([isHeld('a'), isHeld('b'), isHeld()]).toEqual([false, false, false]);
});

test('the oldest of more than ten thousand pauses is forgotten', () => {
  const { limit, isHeld } = createPause();
  for (let count = 0; count <= 10_000; count += 1) limit(60, `key-${count}`);
  expect([isHeld('key-0'), isHeld('key-1'), isHeld('key-10000')]).toEqual([false, true, true]);
});

test('an outage of a vendor that names a pause holds every key', () => {
  const { pause, isHeld } = createPause();
  pause.note(new ValetKeyError('vendor_unavailable', 'Down.', { retryAfterSeconds: 7 }), 'a');
  expect([isHeld('a'), isHeld('b'), isHeld()]).toEqual([true, true, true]);
});
