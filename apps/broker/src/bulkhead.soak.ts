import { expect, test } from 'vitest';
import { hungTimeoutMs, letVendorHang } from './testing/hung-vendor.ts';
import { percentile } from './testing/open-loop.ts';

test('a vendor that hangs at 500 calls a second does not double the p99 of another', async () => {
  const { calm, beside, refused, slowestMs, megabytes } = await letVendorHang();
  const measured = {
    calmP99Ms: Math.round(percentile(calm, 0.99)),
    besideP99Ms: Math.round(percentile(beside, 0.99)),
    refused: refused.length,
    refusedP50Ms: Math.round(percentile(refused, 0.5)),
    refusedP99Ms: Math.round(percentile(refused, 0.99)),
    slowestMs: Math.round(slowestMs),
    megabytes: Math.round(megabytes),
  };
  process.stdout.write(`${JSON.stringify(measured)}\n`);
  // Below these milliseconds it is the machine that is measured.
  expect(measured.besideP99Ms).toBeLessThan(Math.max(2 * measured.calmP99Ms, 50));
  expect(measured.refusedP99Ms).toBeLessThan(50);
  expect(slowestMs).toBeLessThan(hungTimeoutMs * 1.1 + 100);
  expect(megabytes).toBeLessThan(150);
});
