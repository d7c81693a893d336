import type { CacheableToken, ErrorCode, FailureCause, TokenKey } from '@valetkey/core-types';

/** A token as replicas share it. Moments are milliseconds of the store's own clock. */
export interface StoredToken {
  readonly token: CacheableToken;
  readonly expiresAtMs: number;
  /** Before this moment, no replica refreshes the token. */
  readonly refreshAtMs: number;
  /** Milliseconds of life that the token had when it was received. */
  readonly lifeMs: number;
  /** When the vendor last returned this token again instead of a newer one. */
  readonly repeatedAtMs?: number | undefined;
}

/** What the store holds for a key, and the time at the store when it was read. */
export interface StoreReading {
  readonly nowMs: number;
  readonly stored?: StoredToken | undefined;
}

/** A failure as replicas share it. It holds only Valet Key's own words, never a vendor's text. */
export interface StoredFailure {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly remediation?: string | undefined;
  readonly advice?: string | undefined;
  readonly vendor?: string | undefined;
  readonly reason?: string | undefined;
  readonly cause?: FailureCause | undefined;
  /** How many times in a row the vendor failed. */
  readonly attempts: number;
}

/** The store's response to a replica that asks for the lease on a key. */
export type LeaseAnswer =
  /** The replica has the lease. `attempts` counts the vendor's failures in a row until now. */
  | { readonly state: 'acquired'; readonly attempts: number }
  /** Another replica has the lease. `holder` distinguishes one lease from the next. */
  | { readonly state: 'held'; readonly holder: string }
  /** The vendor failed, and no replica calls it again for `remainingMs` milliseconds. */
  | { readonly state: 'cooling'; readonly failure: StoredFailure; readonly remainingMs: number };

/**
 * What replicas share: tokens, and one lease per key, so that one replica renews it at a time. Created by
 * `createRedisStore`, or by `createSealedStore` over your own records.
 *
 * Any call may fail or hang: the cache gives each call a deadline and continues without the store. The `code` of an error
 * is reported as the `reason` of the event `store_down`.
 */
export interface TokenStore {
  /** Milliseconds that one call may take before the cache continues without the store. */
  readonly timeoutMs: number;
  readonly read: (key: TokenKey) => Promise<StoreReading>;
  readonly write: (key: TokenKey, stored: StoredToken) => Promise<void>;
  /** Removes exactly this token. Another token under the same key stays. */
  readonly remove: (key: TokenKey, token: CacheableToken) => Promise<void>;
  /** Asks for the lease on a key, for `leaseMs` milliseconds. */
  readonly acquire: (key: TokenKey, owner: string, leaseMs: number) => Promise<LeaseAnswer>;
  /** Extends this owner's lease. Resolves to false if the owner no longer has it. */
  readonly renew: (key: TokenKey, owner: string, leaseMs: number) => Promise<boolean>;
  readonly release: (key: TokenKey, owner: string) => Promise<void>;
  /** Replaces this owner's lease with a failure, which keeps every replica from the vendor for `durationMs` milliseconds. */
  readonly coolDown: (key: TokenKey, owner: string, failure: StoredFailure, durationMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A record as it was read, and the time at the store. */
export interface RecordReading {
  /** The store's clock, in milliseconds since any moment. All readers and writers see the same clock. */
  readonly nowMs: number;
  readonly value?: string | undefined;
  /** When the record expires by the store's clock. Absent: it never expires. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * What a store must be able to do: keep short text under opaque ids for a limited time. Each call is atomic. Prove an
 * implementation with `recordStoreConformance` and pass it to `createSealedStore`, which turns it into a {@link TokenStore}
 * and never shows it a token or a key.
 */
export interface RecordStore {
  readonly read: (id: string) => Promise<RecordReading>;
  /** Writes the value until `expiresAtMs` of the store's clock, whatever the record held before. */
  readonly write: (id: string, value: string, expiresAtMs: number) => Promise<void>;
  /** Writes the value for `lifetimeMs` milliseconds, unless the record exists. Resolves to whether it was written. */
  readonly add: (id: string, value: string, lifetimeMs: number) => Promise<boolean>;
  /**
   * Writes the value, which may be the same one, for `lifetimeMs` milliseconds if the record holds `expected`. Resolves to
   * whether it was written.
   */
  readonly replace: (id: string, expected: string, value: string, lifetimeMs: number) => Promise<boolean>;
  /** Removes the record if it holds `expected`. Resolves to whether it was removed. */
  readonly remove: (id: string, expected: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
}
