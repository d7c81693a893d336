import type { Clock } from '@valetkey/core-types';
import type { Store } from './store.ts';

/** Reports whether the store can be written, and checks the store no more often than necessary. */
export interface StoreHealth {
  /** Resolves if a check succeeded within the last second or succeeds now; rejects otherwise. */
  readonly check: () => Promise<void>;
  /** Reports a failed write. From then on, `assertWritable` rejects until a check succeeds. */
  readonly reportFailure: () => void;
  /** Resolves at once unless a write has failed. After a failed write it checks the store, and rejects if the check fails. */
  readonly assertWritable: () => Promise<void>;
}

/** How long a successful check counts. Each check is a write, and any client may call `/readyz` without limit. */
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
    // A write that failed while this check ran may have failed after the check had written.
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
      // A running check began before this failure and may miss it, so the next call starts a new check.
      pending = undefined;
    },
    assertWritable: async () => {
      if (hasFailed) await shareCheck();
    },
  };
}
