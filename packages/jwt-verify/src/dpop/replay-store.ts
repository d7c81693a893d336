import { ValetKeyError, type Clock } from '@valetkey/core-types';

/** Remembers which DPoP proofs were used. Verifiers that receive the same callers need one shared store. */
export interface ReplayStore {
  /**
   * Remembers a proof for a number of seconds, and finds out in the same step whether it was known.
   *
   * @param proofId - A digest, safe as a key.
   * @returns Whether the proof is new.
   */
  readonly add: (proofId: string, seconds: number) => boolean | Promise<boolean>;
}

/** The number of proofs that one process remembers: more than a thousand per second at the default age. */
const maxProofs = 200_000;

/** Creates the replay store of a single process. While it is full it refuses new proofs rather than forget one. */
export function createMemoryReplayStore(clock: Clock): ReplayStore {
  const endsAtMs = new Map<string, number>();
  const forgetEnded = (now: number): void => {
    // Proofs end roughly in the order in which they were added.
    for (const [proofId, end] of endsAtMs) {
      if (end > now) return;
      endsAtMs.delete(proofId);
    }
  };
  return {
    add: (proofId, seconds) => {
      const now = clock.monotonicMs();
      forgetEnded(now);
      if ((endsAtMs.get(proofId) ?? -Infinity) > now) return false;
      if (endsAtMs.size >= maxProofs) {
        throw new ValetKeyError('overloaded', 'Too many DPoP proofs are in use.', { retryAfterSeconds: 1 });
      }
      endsAtMs.set(proofId, now + seconds * 1000);
      return true;
    },
  };
}
