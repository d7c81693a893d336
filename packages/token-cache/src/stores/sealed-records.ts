import type { TokenKey } from '@valetkey/core-types';
import type { Sealer } from './sealer.ts';
import type { RecordStore } from './store-types.ts';
import { tokenKeyText } from './token-key.ts';

/** A record store, with the sealer of its values and the prefix of its ids. */
export interface SealedRecords {
  readonly records: RecordStore;
  readonly sealer: Sealer;
  readonly prefix: string;
}

/**
 * Returns the id of a key's token record or lease record. Because of the braces, both are in one slot of a Redis
 * cluster.
 */
export function keyedRecordId({ sealer, prefix }: SealedRecords, key: TokenKey, kind: 'token' | 'lease'): string {
  return `${prefix}:{${sealer.hash(tokenKeyText(key))}}:${kind}`;
}
