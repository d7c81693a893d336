import type { Clock } from '@valetkey/core-types';
import type { Store } from './store.ts';

/** Knows whether the store can be written, and checks it no more often than necessary. */
export interface StoreHealth {
  /** Resolves if the store could be written at most a second ago; rejects otherwise. */
  readonly check: () => Promise<void>;
  /** Reports a failed write: until a check succeeds, no operation may start that would have to be recorded. */
  readonly reportFailure: () => void;
  /** Resolves at once unless a write has failed; after a failure, resolves once the store can be written again, else rejects. */
  readonly assertWritable: () => Promise<void>;
}

/** Each check is a write, and any client may call `/readyz` as often as it likes. */
const maxAgeMs = 1_000;

export function createStoreHealth(store: Store, clock: Clock): StoreHealth {
  let pending: Promise<void> | undefined;
  let failures = 0;
  let healthyAtMs = -Infinity;
  let hasFailed = false;

  const checkStore = async (): Promise<void> => {
    const failuresBefore = failures;
    await store.check();
    healthyAtMs = clock.monotonicMs();
    // A write that failed during this check may have failed after it.
    if (failures === failuresBefore) hasFailed = false;
  };
  const shareCheck = (): Promise<void> => {
    if (pending !== undefined) return pending;
    const begun = checkStore().finally(() => {
      if (pending === begun) pending = undefined;
    });
    pending = begun;
    return begun;
  };

  return {
    check: async () => {
      if (hasFailed || clock.monotonicMs() - healthyAtMs >= maxAgeMs) await shareCheck();
    },
    reportFailure: () => {
      hasFailed = true;
      failures += 1;
      // A check that began before the failure cannot have seen it.
      pending = undefined;
    },
    assertWritable: async () => {
      if (hasFailed) await shareCheck();
    },
  };
}
