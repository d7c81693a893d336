import type { TokenKey } from '@valetkey/core-types';
import type { Sealer } from './sealer.ts';
import type { RecordStore } from './store-types.ts';
import { tokenKeyText } from './token-key.ts';

/** Records, with what seals their values and names them. */
export interface SealedRecords {
  readonly records: RecordStore;
  readonly sealer: Sealer;
  readonly prefix: string;
}

/** Returns the id of one of a key's two records. The braces keep both in one slot of a Redis cluster. */
export function keyedRecordId({ sealer, prefix }: SealedRecords, key: TokenKey, kind: 'token' | 'lease'): string {
  return `${prefix}:{${sealer.hash(tokenKeyText(key))}}:${kind}`;
}
