import { expect, test } from 'vitest';
import { hungTimeoutMs, measureHungVendor, type Phases } from '../support/hung-vendor.ts';
import { percentile, undisturbed, type Sample } from '../support/open-loop.ts';

/** Returns the error code of a response, `issued`, or `no response`. */
function outcomeOf({ status, body }: Sample): string {
  if (status === 0) return 'no response';
  return (JSON.parse(body) as { code?: string }).code ?? 'issued';
}

/**
 * Returns how many times longer the given calls took at the 99th percentile than those of the calm phase, divided by the
 * same ratio of a server that does no work. Calls during which that server was delayed tenfold are left out: what delays
 * both is the machine.
 */
function slowdownOf({ calm, hung }: Phases, calls: readonly Sample[]): number {
  const maxMs = 10 * percentile(calm.control, 0.5);
  const ratioOf = (after: readonly Sample[], before: readonly Sample[]) =>
    percentile(undisturbed(after, hung.control, maxMs), 0.99) /
    percentile(undisturbed(before, calm.control, maxMs), 0.99);
  return ratioOf(calls, calm.calls) / Math.max(ratioOf(hung.control, calm.control), 1);
}

test('a vendor that hangs at 500 calls a second does not double the 99th percentile of another vendor', async () => {
  const { nudge, nabla, growthMegabytes } = await measureHungVendor();
  const outcomes = (samples: readonly Sample[]) => [...new Set(samples.map(outcomeOf))].toSorted();
  expect(outcomes([...nudge.calm.calls, ...nudge.hung.calls])).toEqual(['issued']);
  expect(slowdownOf(nudge, nudge.hung.calls)).toBeLessThan(2);

  const lost = nabla.hung.calls.filter((sample) => outcomeOf(sample) !== 'issued');
  expect(outcomes(lost)).toEqual(['overloaded', 'vendor_timeout', 'vendor_unavailable']);
  // Calls beyond the capacity are refused at once; those that waited for a connection are refused after their deadline.
  const refused = lost.filter((sample) => outcomeOf(sample) === 'overloaded' && sample.elapsedMs < hungTimeoutMs / 2);
  expect(refused.length).toBeGreaterThan(100);
  expect(slowdownOf(nabla, refused)).toBeLessThan(2);
  // Beside the deadline, a call takes no longer than the slowest one while both vendors respond.
  const slowestMs = Math.max(percentile(nabla.calm.calls, 1), percentile(nabla.hung.control, 1));
  expect(percentile(lost, 1)).toBeLessThan(hungTimeoutMs * 1.1 + slowestMs);
  expect(growthMegabytes).toBeLessThan(150);
});
