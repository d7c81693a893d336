import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** The key of a pause of all calls. */
const allCalls = '';
/** The most pauses that are remembered. The oldest is forgotten first. */
const maxPauses = 10_000;

/** Remembers until when the vendor asked for no calls (`Retry-After`), of all calls or of those with one key. */
export function createRequestedPause(vendor: VendorName, clock: Clock) {
  const endsMs = new Map<string, number>();
  const waitOf = (key: string): number => {
    const waitMs = (endsMs.get(key) ?? 0) - clock.monotonicMs();
    if (waitMs <= 0) endsMs.delete(key);
    return waitMs;
  };
  return {
    /** Throws `vendor_rate_limited` during the pause. */
    assertOver(key: string = allCalls): void {
      if (endsMs.size === 0) return;
      const waitMs = Math.max(waitOf(allCalls), key === allCalls ? 0 : waitOf(key));
      if (waitMs <= 0) return;
      throw new ValetKeyError('vendor_rate_limited', `${vendor.title} asked for no calls for a while.`, {
        vendor: vendor.id,
        reason: 'held',
        retryAfterSeconds: Math.ceil(waitMs / 1_000),
      });
    },
    /** Notes the pause that a failure names. Only a rate limit is about one key; an outage is about the vendor. */
    note({ code, retryAfterSeconds }: ValetKeyError, rateLimitKey: string = allCalls): void {
      if (retryAfterSeconds === undefined) return;
      const key = code === 'vendor_rate_limited' ? rateLimitKey : allCalls;
      const endMs = Math.max(endsMs.get(key) ?? 0, clock.monotonicMs() + retryAfterSeconds * 1_000);
      // Set anew, so that the first of the map is the oldest.
      endsMs.delete(key);
      endsMs.set(key, endMs);
      const [oldest] = endsMs.keys();
      if (endsMs.size > maxPauses && oldest !== undefined) endsMs.delete(oldest);
    },
  };
}
