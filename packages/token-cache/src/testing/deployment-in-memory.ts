import { Secret } from '@valetkey/core-types';
import { createTokenCache, type TokenCache, type TokenCacheEvent, type TokenCacheOptions } from '../index.ts';
import { createMemoryRecords } from '../memory-records.ts';
import { createSealedStore } from '../store.ts';
import type { RecordStore } from '../store-types.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

/** Replicas over one store, in one process and under one clock. */
export interface DeploymentInMemory {
  readonly time: VirtualTime;
  readonly records: RecordStore;
  /** Starts a replica; its own view of the records may differ from the others'. */
  readonly start: (options?: TokenCacheOptions, view?: Partial<RecordStore>) => TokenCache;
  /** What happened in all replicas, in order. */
  readonly events: TokenCacheEvent[];
}

export const createDeploymentInMemory = (): DeploymentInMemory => {
  const time = createVirtualTime();
  const records = createMemoryRecords(() => time.monotonicMs() + 1_000_000_000);
  const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
  const events: TokenCacheEvent[] = [];
  return {
    time,
    records,
    events,
    start: (options = {}, view = {}) => {
      const store = createSealedStore({ records: { ...records, ...view }, sealingKeys });
      const onEvent = (event: TokenCacheEvent): void => void events.push(event);
      return createTokenCache({ store, clock: time, timers: time, random: () => 0.5, onEvent, ...options });
    },
  };
};
