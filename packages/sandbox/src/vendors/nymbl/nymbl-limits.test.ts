import { expect, test } from 'vitest';
import { createNymblLimits } from './nymbl-limits.ts';
import { createVirtualClock } from '../../testing/virtual-clock.ts';

const rate = 'Too Many Requests';
const quota = 'Limit Exceeded';

test('Nymbl’s limits admit bursts of five and two requests a second, for each customer', () => {
  const clock = createVirtualClock();
  const findBrokenLimit = createNymblLimits(clock);
  const send = (customer: string, times: number) => Array.from({ length: times }, () => findBrokenLimit(customer));
  expect(send('acme-corp', 6)).toEqual([undefined, undefined, undefined, undefined, undefined, rate]);
  expect(send('globex', 1)).toEqual([undefined]);
  clock.advanceSeconds(0.5);
  expect(send('acme-corp', 2)).toEqual([undefined, rate]);
  clock.advanceSeconds(3600);
  expect(send('acme-corp', 6)).toEqual([undefined, undefined, undefined, undefined, undefined, rate]);
});

test('Nymbl’s limits admit ten thousand requests in a calendar month of UTC, and do not count throttled requests', () => {
  let nowMs = Date.parse('2026-01-15T00:00:00Z');
  let monotonicMs = 0;
  const findBrokenLimit = createNymblLimits({ nowMs: () => nowMs, monotonicMs: () => monotonicMs });
  for (let count = 0; count < 10_000; count += 5) {
    for (let burst = 0; burst < 5; burst += 1) expect(findBrokenLimit('acme-corp')).toBeUndefined();
    expect(findBrokenLimit('acme-corp')).toBe(rate);
    monotonicMs += 2500;
  }
  expect(findBrokenLimit('acme-corp')).toBe(quota);
  expect(findBrokenLimit('globex')).toBeUndefined();
  nowMs = Date.parse('2026-01-31T23:59:59.999Z');
  expect(findBrokenLimit('acme-corp')).toBe(quota);
  nowMs += 1;
  expect(findBrokenLimit('acme-corp')).toBeUndefined();
});
