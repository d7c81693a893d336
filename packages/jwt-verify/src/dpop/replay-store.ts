import { ValetKeyError, type Clock } from '@valetkey/core-types';

/** Remembers used DPoP proofs. Verifiers that serve the same callers need one shared store. */
export interface ReplayStore {
  /**
   * Remembers a proof for `seconds`. Returns in the same atomic step whether the proof is new. A store should bound the proofs of
   * each caller, so that one caller cannot take the room of the others.
   *
   * @param proofId - A digest, which may be stored.
   * @param callerId - A digest of the principal, which may be stored.
   * @returns True for a new proof, false for a proof that the store remembers.
   * @throws {ValetKeyError} `rate_limited` if the caller has too many proofs in use; `overloaded` if the store cannot remember
   *   the proof. The verifier rejects with the same error.
   */
  readonly add: (proofId: string, seconds: number, callerId: string) => boolean | Promise<boolean>;
}

/** The number of proofs that one process remembers. At the default `maxAgeSeconds`, more than a thousand per second. */
const maxProofs = 200_000;
/**
 * The room that stays free for each proof of a caller. One caller alone can have 3922 proofs in use. The less room is left, the
 * fewer proofs a caller can have, so that many callers together cannot take all room either.
 */
const roomPerProof = 50;

interface Caller {
  readonly id: string;
  /** The number of proofs in use. */
  proofs: number;
}

interface UsedProof {
  readonly caller: Caller;
  readonly expiresAtMs: number;
}

/**
 * Creates the replay store of a single process. It forgets no proof early: it throws `rate_limited` for a caller that has too many
 * proofs in use, and `overloaded` for every caller while it is full.
 */
export function createMemoryReplayStore(clock: Clock): ReplayStore {
  // The proofs by the seconds for which they are remembered: those of equal seconds expire in the order in which they were added.
  const proofsByLife = new Map<number, Map<string, UsedProof>>();
  const callers = new Map<string, Caller>();
  let room = maxProofs;

  const forgetExpired = (now: number): void => {
    for (const proofs of proofsByLife.values()) {
      for (const [proofId, { caller, expiresAtMs }] of proofs) {
        if (expiresAtMs > now) break;
        proofs.delete(proofId);
        room += 1;
        caller.proofs -= 1;
        if (caller.proofs === 0) callers.delete(caller.id);
      }
    }
  };
  return {
    add: (proofId, seconds, callerId) => {
      const now = clock.monotonicMs();
      forgetExpired(now);
      if ([...proofsByLife.values()].some((proofs) => proofs.has(proofId))) return false;
      const caller = callers.get(callerId) ?? { id: callerId, proofs: 0 };
      if (room === 0) throw refusal('overloaded', 'Too many DPoP proofs are in use.');
      if (caller.proofs * roomPerProof >= room) {
        throw refusal('rate_limited', 'Too many DPoP proofs of this caller are in use.');
      }
      const proofs = proofsByLife.get(seconds) ?? new Map<string, UsedProof>();
      proofsByLife.set(seconds, proofs.set(proofId, { caller, expiresAtMs: now + seconds * 1000 }));
      callers.set(callerId, caller);
      caller.proofs += 1;
      room -= 1;
      return true;
    },
  };
}

function refusal(code: 'overloaded' | 'rate_limited', detail: string): ValetKeyError {
  return new ValetKeyError(code, detail, { retryAfterSeconds: 1 });
}
