import type { VerificationKey } from './verification-key.ts';

/** The state of one issuer's keys, for readiness and metrics. */
export interface KeyStatus {
  /** The number of keys that tokens can be verified with now. */
  readonly keys: number;
  /** Seconds since the keys were fetched; `null` before the first fetch, and for keys from the options. */
  readonly ageSeconds: number | null;
  /** Whether the keys are past their soft TTL and still used because the provider cannot be reached. */
  readonly stale: boolean;
  /** Why the last fetch failed; `null` where it succeeded. */
  readonly lastFailure: string | null;
}

/** The source of one issuer's keys. */
export interface KeySource {
  /**
   * Returns the keys that may have signed a token. Fetches keys where that is needed and allowed.
   *
   * An empty list means that the provider publishes no such key.
   *
   * @throws {ValetKeyError} `identity_unavailable` where the provider would have to be called and cannot be.
   */
  readonly find: (
    algorithm: string,
    keyId: string | undefined,
  ) => readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  /** Starts a fetch where one is due. Returns a promise only where the caller has to wait for its outcome. */
  readonly renew: () => Promise<void> | undefined;
  /** Fetches the keys for the first time. Never rejects. */
  readonly warm: () => Promise<void>;
  readonly status: () => KeyStatus;
}
