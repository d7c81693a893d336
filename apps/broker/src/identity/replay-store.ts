import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { ReplayStore } from '@valetkey/jwt-verify';
import type { Store } from '../storage/store.ts';

interface ReplayStoreDependencies {
  readonly store: Pick<Store, 'rememberProof'>;
  readonly clock: Clock;
  readonly maxProofsPerPrincipal: number;
}

/**
 * Creates the replay store of all brokers over one store. `add` rejects with `rate_limited` if the principal has too many proofs in
 * use, and with `overloaded` if the store cannot remember the proof.
 */
export function createReplayStore({ store, clock, maxProofsPerPrincipal }: ReplayStoreDependencies): ReplayStore {
  return {
    add: async (proofId, seconds, callerId) => {
      const nowMs = clock.nowMs();
      const expiresAtMs = nowMs + seconds * 1000;
      const maxOfCaller = maxProofsPerPrincipal;
      const outcome = await store.rememberProof({ proofId, callerId, nowMs, expiresAtMs, maxOfCaller });
      if (typeof outcome === 'string') return outcome === 'new';
      throw new ValetKeyError('rate_limited', 'Too many DPoP proofs of this principal are in use.', {
        retryAfterSeconds: Math.ceil((outcome.freeAtMs - nowMs) / 1000),
      });
    },
  };
}
