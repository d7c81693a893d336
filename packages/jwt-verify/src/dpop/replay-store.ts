import { ValetKeyError, type Clock } from '@valetkey/core-types';

/** Remembers which DPoP proofs were used. Give verifiers that share their callers one shared store. */
export interface ReplayStore {
  /**
   * Remembers a proof for so many seconds, in one step with finding out whether it was known.
   *
   * @param proofId - A digest, safe as a key.
   * @returns Whether it is new.
   */
  readonly add: (proofId: string, seconds: number) => boolean | Promise<boolean>;
}

/** Proofs that the store of one process remembers at the most: over a thousand a second at the default age. */
const maximumProofs = 200_000;

/** The replay store of a single process. When full it lets no proof in rather than forget one. */
export function createMemoryReplayStore(clock: Clock): ReplayStore {
  const endsAtMs = new Map<string, number>();
  const forgetEnded = (now: number): void => {
    // Proofs come in about the order in which they end.
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
      if (endsAtMs.size >= maximumProofs) {
        throw new ValetKeyError('overloaded', 'Too many DPoP proofs are in use.', { retryAfterSeconds: 1 });
      }
      endsAtMs.set(proofId, now + seconds * 1000);
      return true;
    },
  };
}
