import { systemClock, type Clock, type Principal } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createCallerLimits } from './caller-limits.ts';

/** A clock that the test advances. */
function createVirtualClock() {
  let nowMs = 0;
  const advance = (milliseconds: number): void => {
    nowMs += milliseconds;
  };
  return { ...systemClock, monotonicMs: () => nowMs, advance };
}

const createPrincipal = (subject: string, issuer = 'https://id.example'): Principal => ({
  issuer,
  subject,
  scopes: [],
  claims: {},
});
const alice = createPrincipal('alice');

function requestCounter(requestsPerMinute: number, clock: Clock): (principal: Principal) => void {
  const { countRequest } = createCallerLimits({ requestsPerMinute }, clock);
  if (countRequest === undefined) throw new Error('Requests are not limited.');
  return countRequest;
}

test('caller limits allow a minute’s requests at once, then one at a time, and count each caller alone', () => {
  const clock = createVirtualClock();
  const countRequest = requestCounter(60, clock);
  for (let count = 0; count < 60; count += 1) countRequest(alice);
  const refused = expect.objectContaining({ code: 'rate_limited', retryAfterSeconds: 1 });
  expect(() => countRequest(alice)).toThrow(refused);
  countRequest(createPrincipal('bob'));
  countRequest(createPrincipal('alice', 'https://other.example'));

  clock.advance(999);
  expect(() => countRequest(alice)).toThrow(refused);
  clock.advance(1);
  countRequest(alice);
  expect(() => countRequest(alice)).toThrow(refused);
  clock.advance(3_600_000);
  for (let count = 0; count < 60; count += 1) countRequest(alice);
  expect(() => countRequest(alice)).toThrow(refused);
});

test('the error `rate_limited` carries the seconds until the next request is allowed', () => {
  const countRequest = requestCounter(2, createVirtualClock());
  countRequest(alice);
  countRequest(alice);
  expect(() => countRequest(alice)).toThrow(expect.objectContaining({ retryAfterSeconds: 30 }));
});

test('caller limits allow at most two minutes’ requests within any minute', () => {
  const clock = createVirtualClock();
  const countRequest = requestCounter(100, clock);
  let served = 0;
  for (let count = 0; count < 6_000; count += 1) {
    try {
      countRequest(alice);
      served += 1;
    } catch {
      // Refused; the next attempt follows 10 ms later.
    }
    clock.advance(10);
  }
  expect(served).toBeGreaterThanOrEqual(199);
  expect(served).toBeLessThanOrEqual(200);
});

test('caller limits allow `concurrentProxyCalls` calls at once, and another one as soon as one has ended', () => {
  const { enterProxyCall } = createCallerLimits({ concurrentProxyCalls: 2 }, createVirtualClock());
  const leave = enterProxyCall(alice);
  enterProxyCall(alice);
  expect(() => enterProxyCall(alice)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  enterProxyCall(createPrincipal('bob'))();
  leave();
  enterProxyCall(alice);
  expect(() => enterProxyCall(alice)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
});

test('caller limits without options count no requests and refuse no proxied calls', () => {
  const { countRequest, enterProxyCall } = createCallerLimits({}, createVirtualClock());
  expect(countRequest).toBeUndefined();
  expect(() => {
    for (let count = 0; count < 10_000; count += 1) enterProxyCall(alice);
  }).not.toThrow();
});
