import { systemClock, type Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createCallerLimits } from './caller-limits.ts';

/** A clock that moves when a test says so. */
function createVirtualClock() {
  let nowMs = 0;
  const advance = (milliseconds: number): void => {
    nowMs += milliseconds;
  };
  return { ...systemClock, monotonicMs: () => nowMs, advance };
}

const person = (subject: string, issuer = 'https://id.example'): Principal => ({
  issuer,
  subject,
  scopes: [],
  claims: {},
});
const alice = person('alice');

test('a minute’s requests may come at once, then one at a time, and nobody else pays for it', () => {
  const clock = createVirtualClock();
  const { countRequest } = createCallerLimits({ requestsPerMinute: 60 }, clock);
  for (let count = 0; count < 60; count += 1) countRequest(alice);
  const refused = expect.objectContaining({ code: 'rate_limited', retryAfterSeconds: 1 });
  expect(() => countRequest(alice)).toThrow(refused);
  countRequest(person('bob'));
  countRequest(person('alice', 'https://other.example'));

  clock.advance(999);
  expect(() => countRequest(alice)).toThrow(refused);
  clock.advance(1);
  countRequest(alice);
  expect(() => countRequest(alice)).toThrow(refused);
  clock.advance(3_600_000);
  for (let count = 0; count < 60; count += 1) countRequest(alice);
  expect(() => countRequest(alice)).toThrow(refused);
});

test('a slow limit says how long it takes', () => {
  const { countRequest } = createCallerLimits({ requestsPerMinute: 2 }, createVirtualClock());
  countRequest(alice);
  countRequest(alice);
  expect(() => countRequest(alice)).toThrow(expect.objectContaining({ retryAfterSeconds: 30 }));
});

test('over any minute a caller gets no more than two minutes’ worth, however it asks', () => {
  const clock = createVirtualClock();
  const { countRequest } = createCallerLimits({ requestsPerMinute: 100 }, clock);
  let served = 0;
  for (let count = 0; count < 6_000; count += 1) {
    try {
      countRequest(alice);
      served += 1;
    } catch {
      // Too many; asked again 10 ms later.
    }
    clock.advance(10);
  }
  expect(served).toBeGreaterThanOrEqual(199);
  expect(served).toBeLessThanOrEqual(200);
});

test('a caller has so many places for proxied calls, and each that is left is free again', () => {
  const { enterProxyCall } = createCallerLimits({ concurrentProxyCalls: 2 }, createVirtualClock());
  const leave = enterProxyCall(alice);
  enterProxyCall(alice);
  expect(() => enterProxyCall(alice)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  enterProxyCall(person('bob'))();
  leave();
  enterProxyCall(alice);
  expect(() => enterProxyCall(alice)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
});

test('without limits there is none', () => {
  const { countRequest, enterProxyCall } = createCallerLimits({}, createVirtualClock());
  expect(() => {
    for (let count = 0; count < 10_000; count += 1) {
      countRequest(alice);
      enterProxyCall(alice);
    }
  }).not.toThrow();
});
