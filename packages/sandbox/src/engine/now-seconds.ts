import type { Clock } from '@valetkey/core-types';

/** Returns the time of a clock in whole seconds since 1970, the unit of `iat` and `exp`. */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.nowMs() / 1000);
}
