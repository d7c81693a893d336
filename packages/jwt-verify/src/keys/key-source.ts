import type { VerificationKey } from './verification-key.ts';

/** The state of one issuer's keys, for readiness and metrics. */
export interface KeyStatus {
  /** The number of keys with which tokens can be verified now. */
  readonly keys: number;
  /** Seconds since the keys were fetched; `null` before the first fetch, and for keys from the options. */
  readonly ageSeconds: number | null;
  /** Whether the keys in use are older than their soft TTL. */
  readonly stale: boolean;
  /** The reason why the last fetch failed; `null` if it succeeded. */
  readonly lastFailure: string | null;
  /** A sentence about the last failure, if its reason says too little: the places where metadata was looked for. */
  readonly lastFailureDetail?: string | undefined;
}

/** What is known about the key that signed a token. */
export interface KeyQuery {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  /** The token's `iat`. */
  readonly issuedAtSeconds: number | undefined;
  /** Returns whether a key may sign tokens of the token's issuer. */
  readonly isOwnKey: (key: VerificationKey) => boolean;
}

/** The source of one issuer's keys. */
export interface KeySource {
  /**
   * Returns the keys that may have signed a token. Fetches keys if that is needed and allowed.
   *
   * An empty list means that the provider publishes no such key.
   *
   * @throws {ValetKeyError} `identity_unavailable` if the provider must be called, and gives no usable response or may not
   *   be called yet.
   */
  readonly find: (query: KeyQuery) => readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  /**
   * Resolves to further keys that may have signed a token, after none of the keys in `tried` has. The provider may have
   * published a key without `kid` or with a `kid` that was in use before: only a fetch tells.
   *
   * An empty list means that no published key has signed the token.
   *
   * @throws {ValetKeyError} `identity_unavailable` as `find`.
   */
  readonly findOthers: (query: KeyQuery, tried: readonly VerificationKey[]) => Promise<readonly VerificationKey[]>;
  /** Starts a fetch if one is due. Returns a promise only if the token must wait for the outcome of the fetch. */
  readonly renew: () => Promise<void> | undefined;
  /** Fetches the keys for the first time. Never rejects. */
  readonly warm: () => Promise<void>;
  readonly status: () => KeyStatus;
}
