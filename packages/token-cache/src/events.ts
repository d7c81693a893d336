import type { TokenKey } from '@valetkey/core-types';

/** What happens in a cache. No event carries a token. */
export type TokenCacheEvent =
  /** A token was answered out of memory. */
  | { readonly type: 'hit'; readonly key: TokenKey }
  /** A caller has to wait for a token. */
  | { readonly type: 'wait'; readonly key: TokenKey }
  /** The vendor is asked: `background` while the old token serves. */
  | { readonly type: 'issue'; readonly key: TokenKey; readonly background: boolean }
  /** The vendor gave a token; `same` where it gave the one that we had. */
  | {
      readonly type: 'refresh';
      readonly key: TokenKey;
      readonly background: boolean;
      readonly lifetimeSeconds: number;
      readonly durationMs: number;
      readonly same: boolean;
    }
  /** A token that another replica issued was taken from the store. */
  | { readonly type: 'adopt'; readonly key: TokenKey }
  /** The vendor gave no token that can be used; it is asked again after `cooldownMs` at the soonest. */
  | {
      readonly type: 'failure';
      readonly key: TokenKey;
      readonly background: boolean;
      readonly code: string;
      readonly reason?: string | undefined;
      readonly attempts: number;
      readonly cooldownMs: number;
    }
  /** A caller was told of a remembered failure. */
  | { readonly type: 'cooldown'; readonly key: TokenKey; readonly code: string }
  /** The lease of this replica was lost; what it was doing was cancelled. */
  | { readonly type: 'lease_lost'; readonly key: TokenKey }
  /** A token was reported as refused. It is dropped if it is the `current` one, unless that happened too often lately. */
  | { readonly type: 'invalidate'; readonly key: TokenKey; readonly current: boolean; readonly dropped: boolean }
  /** A key was forgotten to stay within `maxEntries`. */
  | { readonly type: 'evict'; readonly key: TokenKey }
  /** The store failed; this process goes on by itself. `reason`: `timeout`, or the word of its error (`ECONNREFUSED`). */
  | { readonly type: 'store_down'; readonly reason: string }
  /** The store answers again. */
  | { readonly type: 'store_up' };

/** How often each thing happened since the cache was made, and its size now. */
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
  /** Renewals running now. */
  readonly renewals: number;
  /** Whether the store answers; `undefined` without one. */
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

/** Counts events and tells the listener, whose own failures stay its own. */
export interface Recorder {
  readonly counters: Counters;
  readonly record: (event: TokenCacheEvent) => void;
}

export const createRecorder = (listener: ((event: TokenCacheEvent) => void) | undefined): Recorder => {
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
        // A listener watches; what it throws is no reason to keep a token from a caller.
      }
    },
  };
};
