import type { VerificationKey } from './verification-key.ts';

/** What is known about the keys of one issuer, for readiness and metrics. */
export interface KeyStatus {
  /** Keys that tokens can be verified with now. */
  readonly keys: number;
  /** Seconds since they were fetched; `null` before that, and for keys that were given as options. */
  readonly ageSeconds: number | null;
  /** Whether they are past their soft TTL and in use because the provider cannot be reached. */
  readonly stale: boolean;
  /** Why the last fetch failed; `null` when it did not. */
  readonly lastFailure: string | null;
}

/** Where the keys of one issuer come from. */
export interface KeySource {
  /**
   * The keys that may have signed a token. Fetches them where that is needed and allowed.
   *
   * An empty list is the provider's word that there is no such key; throws `identity_unavailable` where it gave none.
   */
  readonly find: (
    algorithm: string,
    keyId: string | undefined,
  ) => readonly VerificationKey[] | Promise<readonly VerificationKey[]>;
  /** Looks after the keys without a token at hand; a promise where the caller should wait for it. */
  readonly renew: () => Promise<void> | undefined;
  /** Fetches the keys for the first time. Never rejects. */
  readonly warm: () => Promise<void>;
  readonly status: () => KeyStatus;
}

/** For what no key of a provider can be withdrawn from under. */
export const neverRenewed: Pick<KeySource, 'renew'> = { renew: () => undefined };
