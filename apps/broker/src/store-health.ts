import type { Clock } from '@valetkey/core-types';
import type { Store } from './store.ts';

/** Knows whether the store can be written, without asking it more often than it has to. */
export interface StoreHealth {
  /** Resolves where the store can be written, as far as was known a second ago. */
  readonly check: () => Promise<void>;
  /** A write has failed: nothing is begun any more that would have to be written down. */
  readonly distrust: () => void;
  /** Resolves at once unless a write has failed; then once the store can be written again, else it rejects. */
  readonly admit: () => Promise<void>;
}

/** Whoever asks whether the broker is ready may ask as often as they like, and each look is a write. */
const rememberedMs = 1_000;

export function createStoreHealth(store: Store, clock: Clock): StoreHealth {
  let underway: Promise<void> | undefined;
  let failures = 0;
  let healthyAtMs = -Infinity;
  let distrusted = false;

  const ask = async (): Promise<void> => {
    const failuresBefore = failures;
    await store.check();
    healthyAtMs = clock.monotonicMs();
    // What failed meanwhile may have failed after this look.
    if (failures === failuresBefore) distrusted = false;
  };
  const look = (): Promise<void> => {
    if (underway !== undefined) return underway;
    const asking = ask().finally(() => {
      if (underway === asking) underway = undefined;
    });
    underway = asking;
    return asking;
  };

  return {
    check: async () => {
      if (distrusted || clock.monotonicMs() - healthyAtMs >= rememberedMs) await look();
    },
    distrust: () => {
      distrusted = true;
      failures += 1;
      // A look that began before has seen nothing of it.
      underway = undefined;
    },
    admit: async () => {
      if (distrusted) await look();
    },
  };
}
