import type { CacheableToken, ErrorCode, TokenKey } from '@valetkey/core-types';

/** A token as replicas share it. Moments are milliseconds of the store's own clock. */
export interface StoredToken {
  readonly token: CacheableToken;
  readonly expiresAtMs: number;
  /** Before this moment nobody needs to refresh it. */
  readonly refreshAtMs: number;
  /** Milliseconds that it had left when it was received. */
  readonly lifeMs: number;
  /** When the vendor last gave it again instead of a newer one. */
  readonly repeatedAtMs?: number | undefined;
}

/** What the store knows about a key, and what time it was there. */
export interface StoreReading {
  readonly nowMs: number;
  readonly stored?: StoredToken | undefined;
}

/** A failure as replicas share it, in our own words alone. */
export interface StoredFailure {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly remediation?: string | undefined;
  readonly advice?: string | undefined;
  readonly vendor?: string | undefined;
  readonly reason?: string | undefined;
  /** How many times in a row the vendor failed. */
  readonly attempts: number;
}

/** What became of the wish to be the one replica that renews a key. */
export type LeaseAnswer =
  /** `attempts`: how many times in a row the vendor failed until now. */
  | { readonly state: 'acquired'; readonly attempts: number }
  /** Another replica renews it; `holder` tells one from the next. */
  | { readonly state: 'held'; readonly holder: string }
  /** The vendor failed, and nobody is to ask again for `remainingMs`. */
  | { readonly state: 'cooling'; readonly failure: StoredFailure; readonly remainingMs: number };

/**
 * What replicas share: tokens, and a lease per key so that one of them renews at a time. Made by `createRedisStore`, or
 * by `createSealedStore` over records of your own.
 *
 * Any call may fail or hang: the cache gives each one a deadline and goes on without the store.
 */
export interface TokenStore {
  /** Milliseconds that one call may take before the cache goes on without. */
  readonly timeoutMs: number;
  readonly read: (key: TokenKey) => Promise<StoreReading>;
  readonly write: (key: TokenKey, stored: StoredToken) => Promise<void>;
  /** Drops exactly this token; another one under the same key stays. */
  readonly remove: (key: TokenKey, token: CacheableToken) => Promise<void>;
  readonly acquire: (key: TokenKey, owner: string, leaseMs: number) => Promise<LeaseAnswer>;
  /** False: the lease is not this owner's any more. */
  readonly renew: (key: TokenKey, owner: string, leaseMs: number) => Promise<boolean>;
  readonly release: (key: TokenKey, owner: string) => Promise<void>;
  /** Turns this owner's lease into a failure that holds everyone back for so long. */
  readonly coolDown: (key: TokenKey, owner: string, failure: StoredFailure, durationMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A record as it was found, and what time it was at the store. */
export interface RecordReading {
  /** The store's clock, in milliseconds since any moment; all of its readers and writers see the same one. */
  readonly nowMs: number;
  readonly value?: string | undefined;
  /** When the record ends by the store's clock; absent where it never ends. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * What a store has to be able to do: keep short text under opaque ids for a while. Each call is atomic. Who writes one
 * proves it with `recordStoreConformance` and hands it to `createSealedStore`, which turns it into a {@link TokenStore}
 * and lets it see neither tokens nor keys.
 */
export interface RecordStore {
  readonly read: (id: string) => Promise<RecordReading>;
  /** Puts the value there, whatever was there before, until `expiresAtMs` of the store's clock. */
  readonly write: (id: string, value: string, expiresAtMs: number) => Promise<void>;
  /** Puts the value there for `lifetimeMs` milliseconds, unless there is one already. Answers whether it did. */
  readonly add: (id: string, value: string, lifetimeMs: number) => Promise<boolean>;
  /** Puts another value, or the same one for longer, in the place of `expected` alone. Answers whether it did. */
  readonly replace: (id: string, expected: string, value: string, lifetimeMs: number) => Promise<boolean>;
  /** Removes the record if its value is `expected`. Answers whether it did. */
  readonly remove: (id: string, expected: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
}
