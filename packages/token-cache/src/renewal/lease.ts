import type { TokenKey } from '@valetkey/core-types';
import type { StoreAccess } from './store-access.ts';
import type { Timers } from './timers.ts';

export interface LeaseOptions {
  readonly key: TokenKey;
  readonly owner: string;
  readonly leaseMs: number;
  readonly storeAccess: StoreAccess;
  readonly timers: Timers;
  /** Called when the store says that the owner no longer has the lease. */
  readonly onLost: () => void;
}

/**
 * Extends an acquired lease at each third of its life. If the store does not respond, the lease counts as held: without
 * the store, each process works alone. The returned function stops the extensions; the lease stays until it is released
 * or expires.
 */
export function holdLease({ key, owner, leaseMs, storeAccess, timers, onLost }: LeaseOptions): () => void {
  let stopped = false;
  let cancel = extendLater();

  function extendLater(): () => void {
    return timers.after(leaseMs / 3, () => void extend());
  }

  async function extend(): Promise<void> {
    const held = await storeAccess.call((store) => store.extend(key, owner, leaseMs));
    if (stopped) return;
    if (held === false) onLost();
    else cancel = extendLater();
  }

  return () => {
    stopped = true;
    cancel();
  };
}
