import { createLeaseRecords } from './lease-records.ts';
import type { SealedRecords } from './sealed-records.ts';
import type { TokenStore } from './store-types.ts';
import { createTokenRecords } from './token-records.ts';

/** Creates a store that keeps two sealed records for each key: its token, and its lease or cool-down. */
export function createStoreOverRecords(sealed: SealedRecords, timeoutMs: number): TokenStore {
  return {
    timeoutMs,
    ...createTokenRecords(sealed),
    ...createLeaseRecords(sealed),
    close: sealed.records.close,
  };
}
