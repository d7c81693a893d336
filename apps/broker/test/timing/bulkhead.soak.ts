import { expect, test } from 'vitest';
import { hungTimeoutMs, measureHungVendor } from '../support/hung-vendor.ts';
import { percentile, type Sample } from '../support/open-loop.ts';

/** Returns the error code of a response, `issued`, or `no response`. */
function outcomeOf({ status, body }: Sample): string {
  if (status === 0) return 'no response';
  return (JSON.parse(body) as { code?: string }).code ?? 'issued';
}

const outcomesOf = (samples: readonly Sample[]) => [...new Set(samples.map(outcomeOf))].toSorted();

test('a vendor that hangs under 250 calls a second does not double the 99th percentile of another vendor', async () => {
  const { hung, calm, growthMegabytes } = await measureHungVendor();
  expect(outcomesOf([...hung.nudge, ...calm.nudge, ...calm.nabla])).toEqual(['issued']);
  expect(percentile(hung.nudge, 0.99) / percentile(calm.nudge, 0.99)).toBeLessThan(2);

  expect(outcomesOf(hung.nabla)).toEqual(['overloaded', 'vendor_timeout', 'vendor_unavailable']);
  // The broker refuses calls beyond the capacity at once, and calls that waited for a TCP connection after their deadline.
  const refused = hung.nabla.filter(
    (sample) => outcomeOf(sample) === 'overloaded' && sample.elapsedMs < hungTimeoutMs / 2,
  );
  expect(refused.length).toBeGreaterThan(100);
  // A refusal takes no longer than a call that the vendor serves.
  expect(percentile(refused, 0.99) / percentile(calm.nabla, 0.99)).toBeLessThan(1.5);
  expect(percentile(hung.nabla, 1)).toBeLessThan(hungTimeoutMs * 1.1 + percentile(calm.nabla, 1));
  expect(growthMegabytes).toBeLessThan(150);
});
