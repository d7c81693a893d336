import type { Clock, Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../../test/support/virtual-clock.ts';
import { createCallerLimits } from './caller-limits.ts';

const createPrincipal = (subject: string, issuer = 'https://id.example'): Principal => ({
  issuer,
  subject,
  scopes: [],
  claims: {},
});
const alice = createPrincipal('alice');

function createRateLimit(requestsPerMinute: number, clock: Clock): (principal: Principal) => void {
  const { assertWithinRate } = createCallerLimits({ requestsPerMinute }, clock);
  if (assertWithinRate === undefined) throw new Error('Requests are not limited.');
  return assertWithinRate;
}

test('caller limits allow `requestsPerMinute` requests in a burst, then one per interval, separately for each principal', () => {
  const clock = createVirtualClock();
  const assertWithinRate = createRateLimit(60, clock);
  for (let count = 0; count < 60; count += 1) assertWithinRate(alice);
  const refused = expect.objectContaining({ code: 'rate_limited', retryAfterSeconds: 1 });
  expect(() => assertWithinRate(alice)).toThrow(refused);
  assertWithinRate(createPrincipal('bob'));
  assertWithinRate(createPrincipal('alice', 'https://other.example'));

  clock.advance(999);
  expect(() => assertWithinRate(alice)).toThrow(refused);
  clock.advance(1);
  assertWithinRate(alice);
  expect(() => assertWithinRate(alice)).toThrow(refused);
  clock.advance(3_600_000);
  for (let count = 0; count < 60; count += 1) assertWithinRate(alice);
  expect(() => assertWithinRate(alice)).toThrow(refused);
});

test('caller limits allow the whole burst at every fraction of a millisecond', () => {
  for (let requests = 1; requests <= 100; requests += 1) {
    const clock = { nowMs: () => 0, monotonicMs: () => 10_000 * requests + requests / 7 };
    const assertWithinRate = createRateLimit(requests, clock);
    for (let count = 0; count < requests; count += 1) assertWithinRate(alice);
    expect(() => assertWithinRate(alice)).toThrow('too many requests');
  }
});

test('the error `rate_limited` carries the seconds until the limit allows the next request', () => {
  const assertWithinRate = createRateLimit(2, createVirtualClock());
  assertWithinRate(alice);
  assertWithinRate(alice);
  expect(() => assertWithinRate(alice)).toThrow(expect.objectContaining({ retryAfterSeconds: 30 }));
});

test('caller limits allow at most 2 × `requestsPerMinute` requests in any 60 seconds', () => {
  const clock = createVirtualClock();
  const assertWithinRate = createRateLimit(100, clock);
  let served = 0;
  for (let count = 0; count < 6_000; count += 1) {
    try {
      assertWithinRate(alice);
      served += 1;
    } catch {
      // Refused; the next attempt follows 10 ms later.
    }
    clock.advance(10);
  }
  expect(served).toBeGreaterThanOrEqual(199);
  expect(served).toBeLessThanOrEqual(200);
});

test('caller limits allow `concurrentProxyCalls` calls at once for each principal, and one more when one has ended', () => {
  const { enterProxyCall } = createCallerLimits({ concurrentProxyCalls: 2 }, createVirtualClock());
  const leave = enterProxyCall(alice);
  enterProxyCall(alice);
  expect(() => enterProxyCall(alice)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  enterProxyCall(createPrincipal('bob'))();
  leave();
  enterProxyCall(alice);
  expect(() => enterProxyCall(alice)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
});

test('caller limits without options have no rate limit and refuse no proxied calls', () => {
  const { assertWithinRate, enterProxyCall } = createCallerLimits({}, createVirtualClock());
  expect(assertWithinRate).toBeUndefined();
  expect(() => {
    for (let count = 0; count < 10_000; count += 1) enterProxyCall(alice);
  }).not.toThrow();
});
