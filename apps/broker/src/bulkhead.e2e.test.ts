import { expect, test } from 'vitest';
import { hungTimeoutMs, letVendorHang } from './testing/hung-vendor.ts';
import { percentile } from './testing/open-loop.ts';

// How much slower the other vendor may get is a question for a machine that does nothing else: `bulkhead.soak.ts`.
test('a vendor that hangs at 500 calls a second stops no other, and what is too much is refused', async () => {
  const { calm, beside, refused, codes, slowestMs, megabytes } = await letVendorHang();
  expect(new Set([...calm, ...beside].map(({ status }) => status))).toEqual(new Set([200]));
  expect(percentile(beside, 0.5)).toBeLessThan(Math.max(2 * percentile(calm, 0.5), hungTimeoutMs / 6));
  expect(codes).toEqual(['overloaded', 'vendor_timeout', 'vendor_unavailable']);
  expect(refused.length).toBeGreaterThan(100);
  expect(percentile(refused, 0.5)).toBeLessThan(hungTimeoutMs / 6);
  expect(slowestMs).toBeLessThan(hungTimeoutMs * 2);
  expect(megabytes).toBeLessThan(200);
}, 60_000);
