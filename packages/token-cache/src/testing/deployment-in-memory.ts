import { Secret } from '@valetkey/core-types';
import { createTokenCache, type TokenCache, type TokenCacheEvent, type TokenCacheOptions } from '../index.ts';
import { createMemoryRecords } from '../stores/memory-records.ts';
import { createSealedStore } from '../stores/sealed-store.ts';
import type { RecordStore } from '../stores/store-types.ts';
import { createVirtualTime, type VirtualTime } from './virtual-time.ts';

/** Replicas that share one store in memory and one virtual clock, all in this process. */
export interface DeploymentInMemory {
  readonly time: VirtualTime;
  readonly records: RecordStore;
  /** Starts a replica. `overrides` replaces functions of the record store for this replica only. */
  readonly start: (options?: TokenCacheOptions, overrides?: Partial<RecordStore>) => TokenCache;
  /** The events of all replicas, in order. */
  readonly events: TokenCacheEvent[];
}

export function createDeploymentInMemory(): DeploymentInMemory {
  const time = createVirtualTime();
  const records = createMemoryRecords(() => time.monotonicMs() + 1_000_000_000);
  const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
  const events: TokenCacheEvent[] = [];
  return {
    time,
    records,
    events,
    start: (options = {}, overrides = {}) => {
      const store = createSealedStore({ records: { ...records, ...overrides }, sealingKeys });
      const onEvent = (event: TokenCacheEvent): void => void events.push(event);
      return createTokenCache({ store, clock: time, timers: time, random: () => 0.5, onEvent, ...options });
    },
  };
}
