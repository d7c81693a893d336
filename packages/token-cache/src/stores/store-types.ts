import type { CacheableToken, ErrorCode, FailureCause, TokenKey } from '@valetkey/core-types';

/** A token that replicas share. Moments are milliseconds of the store's own clock. */
export interface StoredToken {
  readonly token: CacheableToken;
  readonly expiresAtMs: number;
  /** The earliest moment at which a replica renews the token. */
  readonly refreshAtMs: number;
  /** Milliseconds of life that the token had when it was received. */
  readonly lifeMs: number;
  /** When the vendor last returned this token again instead of a newer one. Absent: never. */
  readonly repeatedAtMs?: number | undefined;
}

/** The stored token of a key, if there is one. `nowMs` is the store's clock at the time of the reading. */
export interface StoreReading {
  readonly nowMs: number;
  readonly stored?: StoredToken | undefined;
}

/** A failure that replicas share. Its texts are Valet Key's own, never a vendor's. */
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
export type LeaseResponse =
  /** The replica has the lease. `attempts` counts the vendor's failures in a row until now. */
  | { readonly state: 'acquired'; readonly attempts: number }
  /** Another replica has the lease. `holder` distinguishes one lease from the next. */
  | { readonly state: 'held'; readonly holder: string }
  /** The vendor failed. No replica may call it for `remainingMs` milliseconds. */
  | { readonly state: 'cooling'; readonly failure: StoredFailure; readonly remainingMs: number };

/**
 * A store that replicas share. For each key it holds a token and a lease: only the replica that has the lease renews
 * the token. Created by `createRedisStore`, or by `createSealedStore` over your own records.
 *
 * Any call may fail or hang: the cache gives each call a deadline and continues without the store. If a call rejects,
 * the event `store_down` has the `code` of the error as its `reason`.
 */
export interface TokenStore {
  /** Milliseconds that one call may take before the cache continues without the store. */
  readonly timeoutMs: number;
  readonly read: (key: TokenKey) => Promise<StoreReading>;
  readonly write: (key: TokenKey, stored: StoredToken) => Promise<void>;
  /** Removes exactly this token. Another token under the same key stays. */
  readonly remove: (key: TokenKey, token: CacheableToken) => Promise<void>;
  /** Asks for the lease on a key, for `leaseMs` milliseconds. */
  readonly acquire: (key: TokenKey, owner: string, leaseMs: number) => Promise<LeaseResponse>;
  /** Extends this owner's lease. Resolves to false if the owner no longer has it. */
  readonly extend: (key: TokenKey, owner: string, leaseMs: number) => Promise<boolean>;
  readonly release: (key: TokenKey, owner: string) => Promise<void>;
  /** Replaces this owner's lease with a failure. No replica calls the vendor for `durationMs` milliseconds. */
  readonly coolDown: (key: TokenKey, owner: string, failure: StoredFailure, durationMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A record that was read, and the store's clock at the time of the reading. */
export interface RecordReading {
  /** The store's clock, in milliseconds since a moment of the store's choice. All replicas see the same clock. */
  readonly nowMs: number;
  readonly value?: string | undefined;
  /** When the record expires, on the store's clock. Absent: the record never expires. */
  readonly expiresAtMs?: number | undefined;
}

/**
 * A store of short texts under opaque ids, each for a limited time. Each call is atomic.
 *
 * Test your implementation with `recordStoreConformance` and pass it to `createSealedStore`, which returns a
 * {@link TokenStore}. Your implementation sees only sealed tokens and hashed keys.
 */
export interface RecordStore {
  readonly read: (id: string) => Promise<RecordReading>;
  /** Writes the value until `expiresAtMs` on the store's clock. Overwrites any value that the record held before. */
  readonly write: (id: string, value: string, expiresAtMs: number) => Promise<void>;
  /** Writes the value for `lifetimeMs` milliseconds, unless the record exists. Resolves to whether it was written. */
  readonly add: (id: string, value: string, lifetimeMs: number) => Promise<boolean>;
  /**
   * Writes the value for `lifetimeMs` milliseconds if the record holds `expected`. Resolves to whether the value was
   * written. `value` may equal `expected`: the call then only changes the expiry.
   */
  readonly replace: (id: string, expected: string, value: string, lifetimeMs: number) => Promise<boolean>;
  /** Removes the record if it holds `expected`. Resolves to whether it was removed. */
  readonly remove: (id: string, expected: string) => Promise<boolean>;
  readonly close: () => Promise<void>;
}
