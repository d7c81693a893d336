import type { TokenKey } from '@valetkey/core-types';
import type { StoreDoor } from './store-door.ts';
import type { Timers } from './timers.ts';

export interface LeaseOptions {
  readonly key: TokenKey;
  readonly owner: string;
  readonly leaseMs: number;
  readonly door: StoreDoor;
  readonly timers: Timers;
  /** Called when the store says that the owner no longer has the lease. */
  readonly onLost: () => void;
}

/**
 * Renews an acquired lease at each third of its life. A store that does not respond takes no lease away: without the store
 * each process works alone. The returned function ends the renewing; the lease stays until it is released or expires.
 */
export function holdLease({ key, owner, leaseMs, door, timers, onLost }: LeaseOptions): () => void {
  let stopped = false;
  let cancel = renewLater();

  function renewLater(): () => void {
    return timers.after(leaseMs / 3, () => void renew());
  }

  async function renew(): Promise<void> {
    const held = await door.ask((store) => store.renew(key, owner, leaseMs));
    if (stopped) return;
    if (held === false) onLost();
    else cancel = renewLater();
  }

  return () => {
    stopped = true;
    cancel();
  };
}
