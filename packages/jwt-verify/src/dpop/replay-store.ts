import { ValetKeyError, type Clock } from '@valetkey/core-types';

/** Remembers used DPoP proofs. Verifiers that serve the same callers need one shared store. */
export interface ReplayStore {
  /**
   * Remembers a proof for `seconds`. Returns in the same atomic step whether the proof is new.
   *
   * @param proofId - A digest, which may be stored.
   * @returns True for a new proof, false for a proof that the store remembers.
   */
  readonly add: (proofId: string, seconds: number) => boolean | Promise<boolean>;
}

/** The number of proofs that one process remembers. At the default `maxAgeSeconds`, more than a thousand per second. */
const maxProofs = 200_000;

/** Creates the replay store of a single process. While it is full, it throws `overloaded` and forgets no proof early. */
export function createMemoryReplayStore(clock: Clock): ReplayStore {
  const expiresAtMs = new Map<string, number>();
  const forgetExpired = (now: number): void => {
    // Proofs expire roughly in the order in which they were added.
    for (const [proofId, expiry] of expiresAtMs) {
      if (expiry > now) return;
      expiresAtMs.delete(proofId);
    }
  };
  return {
    add: (proofId, seconds) => {
      const now = clock.monotonicMs();
      forgetExpired(now);
      if ((expiresAtMs.get(proofId) ?? -Infinity) > now) return false;
      if (expiresAtMs.size >= maxProofs) {
        throw new ValetKeyError('overloaded', 'Too many DPoP proofs are in use.', { retryAfterSeconds: 1 });
      }
      expiresAtMs.set(proofId, now + seconds * 1000);
      return true;
    },
  };
}
