import type { TokenKey } from '@valetkey/core-types';
import type { RenewalEvent } from '../renewal/renewal-event.ts';
import type { StoreEvent } from '../renewal/store-access.ts';

/** An event of a cache. No event contains a token. */
export type TokenCacheEvent =
  /** A caller received a token from memory. */
  | { readonly type: 'hit'; readonly key: TokenKey }
  /** A caller waits for a token. */
  | { readonly type: 'wait'; readonly key: TokenKey }
  /** A caller received the failure that the cache remembers during the cool-down. */
  | { readonly type: 'cooldown'; readonly key: TokenKey; readonly code: string }
  /**
   * A caller reported that the vendor refused a token. `current`: it is the token that the cache has now. `dropped`:
   * the cache dropped it; it keeps a current token if it dropped too many tokens of this key lately.
   */
  | { readonly type: 'invalidate'; readonly key: TokenKey; readonly current: boolean; readonly dropped: boolean }
  /** The cache removed a key from memory to stay within `maxEntries`. */
  | { readonly type: 'evict'; readonly key: TokenKey }
  | RenewalEvent
  | StoreEvent;

/** How often each event happened since the cache was created, and the size of the cache now. */
export interface TokenCacheStats {
  readonly hits: number;
  readonly waits: number;
  readonly issues: number;
  readonly refreshes: number;
  readonly adoptions: number;
  readonly failures: number;
  readonly cooldowns: number;
  readonly leaseLosses: number;
  readonly invalidations: number;
  readonly evictions: number;
  readonly storeFailures: number;
  /** Keys in memory now. */
  readonly entries: number;
  /** Renewals under way now. */
  readonly renewals: number;
  /** Whether the last call to the store succeeded. `undefined` without a store. */
  readonly storeReachable: boolean | undefined;
}

type Counters = { -readonly [Name in keyof Omit<TokenCacheStats, 'entries' | 'renewals' | 'storeReachable'>]: number };

const counterOf = {
  hit: 'hits',
  wait: 'waits',
  issue: 'issues',
  refresh: 'refreshes',
  adopt: 'adoptions',
  failure: 'failures',
  cooldown: 'cooldowns',
  lease_lost: 'leaseLosses',
  invalidate: 'invalidations',
  evict: 'evictions',
  store_down: 'storeFailures',
} as const satisfies Partial<Record<TokenCacheEvent['type'], keyof Counters>>;

/** Counts events and passes them to the listener. Ignores errors that the listener throws. */
export interface Recorder {
  readonly counters: Counters;
  readonly record: (event: TokenCacheEvent) => void;
}

export function createRecorder(listener: ((event: TokenCacheEvent) => void) | undefined): Recorder {
  const counters: Counters = {
    hits: 0,
    waits: 0,
    issues: 0,
    refreshes: 0,
    adoptions: 0,
    failures: 0,
    cooldowns: 0,
    leaseLosses: 0,
    invalidations: 0,
    evictions: 0,
    storeFailures: 0,
  };
  return {
    counters,
    record: (event) => {
      if (event.type !== 'store_up') counters[counterOf[event.type]] += 1;
      try {
        listener?.(event);
      } catch {
        // The caller must receive its token even if the listener fails.
      }
    },
  };
}
