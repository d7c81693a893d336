import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** Remembers until when a vendor has asked to be left alone. */
export interface Hold {
  /** Throws `vendor_rate_limited` while the vendor wants no calls. */
  readonly check: () => void;
  readonly until: (retryAfterSeconds: number) => void;
}

/** Makes a hold that holds nothing yet. */
export function createHold(vendor: VendorName, clock: Clock): Hold {
  let untilMs = 0;
  return {
    check() {
      if (untilMs === 0) return;
      const waitMs = untilMs - clock.monotonicMs();
      if (waitMs <= 0) {
        untilMs = 0;
        return;
      }
      throw new ValetKeyError('vendor_rate_limited', `${vendor.title} asked us to wait.`, {
        vendor: vendor.id,
        reason: 'held',
        retryAfterSeconds: Math.ceil(waitMs / 1_000),
      });
    },
    until(retryAfterSeconds) {
      untilMs = Math.max(untilMs, clock.monotonicMs() + retryAfterSeconds * 1_000);
    },
  };
}
