import type { TokenKey } from '@valetkey/core-types';
import type { StoreDoor } from './store-door.ts';
import type { Timers } from './timers.ts';

export interface LeaseOptions {
  readonly key: TokenKey;
  readonly owner: string;
  readonly leaseMs: number;
  readonly door: StoreDoor;
  readonly timers: Timers;
  /** The store says that the lease is somebody else's. */
  readonly onLost: () => void;
}

/**
 * Renews an acquired lease at each third of its life. A store that does not answer takes nothing away: without it every
 * process is on its own, and this one is as good as any. The answer ends the renewing; the lease itself stays until it is
 * released or over.
 */
export const holdLease = ({ key, owner, leaseMs, door, timers, onLost }: LeaseOptions): (() => void) => {
  let stopped = false;

  const renew = async (): Promise<void> => {
    const held = await door.ask((store) => store.renew(key, owner, leaseMs));
    if (stopped) return;
    if (held === false) onLost();
    else cancel = renewLater();
  };
  const renewLater = (): (() => void) => timers.after(leaseMs / 3, () => void renew());
  let cancel = renewLater();

  return () => {
    stopped = true;
    cancel();
  };
};
