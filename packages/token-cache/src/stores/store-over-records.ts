import { createLeaseRecords } from './lease-records.ts';
import type { SealedRecords } from './sealed-records.ts';
import type { TokenStore } from './store-types.ts';
import { createTokenRecords } from './token-records.ts';

/** Creates a store that keeps two records for each key: one for its token, one for its lease or its failure. */
export function createStoreOverRecords(sealed: SealedRecords, timeoutMs: number): TokenStore {
  return {
    timeoutMs,
    ...createTokenRecords(sealed),
    ...createLeaseRecords(sealed),
    close: sealed.records.close,
  };
}
