import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** Bounds how many calls to a vendor are under way at once, so that a hung one holds no more than its share. */
export interface Bulkhead {
  /** Takes a place and gives the function that leaves it. Throws `overloaded` at once where there is none. */
  readonly enter: () => () => void;
}

/** Makes a bulkhead with so many places. */
export function createBulkhead(vendor: VendorName, places: number): Bulkhead {
  let taken = 0;
  return {
    enter() {
      if (taken >= places) {
        throw new ValetKeyError('overloaded', `Too many calls to ${vendor.title} are under way.`, {
          vendor: vendor.id,
          reason: 'bulkhead',
          retryAfterSeconds: 1,
        });
      }
      taken += 1;
      let left = false;
      return () => {
        if (!left) taken -= 1;
        left = true;
      };
    },
  };
}
