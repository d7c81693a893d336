import { expect, test } from 'vitest';
import { createNymblLimits } from './nymbl-limits.ts';
import { createManualClock } from '../../testing/manual-clock.ts';

const rate = 'Too Many Requests';
const quota = 'Limit Exceeded';

test('lets bursts of five pass and two a second, for each customer', () => {
  const clock = createManualClock();
  const brokenLimit = createNymblLimits(clock);
  const ask = (customer: string, times: number) => Array.from({ length: times }, () => brokenLimit(customer));
  expect(ask('acme-corp', 6)).toEqual([undefined, undefined, undefined, undefined, undefined, rate]);
  expect(ask('globex', 1)).toEqual([undefined]);
  clock.advanceSeconds(0.5);
  expect(ask('acme-corp', 2)).toEqual([undefined, rate]);
  clock.advanceSeconds(3600);
  expect(ask('acme-corp', 6)).toEqual([undefined, undefined, undefined, undefined, undefined, rate]);
});

test('lets ten thousand pass in a calendar month of UTC, those not counted that were throttled', () => {
  let nowMs = Date.parse('2026-01-15T00:00:00Z');
  let monotonicMs = 0;
  const brokenLimit = createNymblLimits({ nowMs: () => nowMs, monotonicMs: () => monotonicMs });
  for (let count = 0; count < 10_000; count += 5) {
    for (let burst = 0; burst < 5; burst += 1) expect(brokenLimit('acme-corp')).toBeUndefined();
    expect(brokenLimit('acme-corp')).toBe(rate);
    monotonicMs += 2500;
  }
  expect(brokenLimit('acme-corp')).toBe(quota);
  expect(brokenLimit('globex')).toBeUndefined();
  nowMs = Date.parse('2026-01-31T23:59:59.999Z');
  expect(brokenLimit('acme-corp')).toBe(quota);
  nowMs += 1;
  expect(brokenLimit('acme-corp')).toBeUndefined();
});
