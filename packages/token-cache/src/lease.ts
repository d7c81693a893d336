import type { TokenKey } from '@valetkey/core-types';
import type { StoreDoor } from './store-door.ts';
import type { Timers } from './timers.ts';

export interface Lease {
  /** Ends when the store says that the lease is somebody else's. */
  readonly lost: AbortSignal;
  /** Ends the renewing; the lease itself stays until it is released or over. */
  readonly stop: () => void;
}

export interface LeaseOptions {
  readonly key: TokenKey;
  readonly owner: string;
  readonly leaseMs: number;
  readonly door: StoreDoor;
  readonly timers: Timers;
}

/**
 * Renews an acquired lease at each third of its life. A store that does not answer takes nothing away: without it every
 * process is on its own, and this one is as good as any.
 */
export const holdLease = ({ key, owner, leaseMs, door, timers }: LeaseOptions): Lease => {
  const lost = new AbortController();
  let stopped = false;
  let cancel: () => void = () => undefined;

  const renew = async (): Promise<void> => {
    const held = await door.ask((store) => store.renew(key, owner, leaseMs));
    if (stopped) return;
    if (held === false) lost.abort();
    else schedule();
  };
  const schedule = (): void => {
    cancel = timers.after(leaseMs / 3, () => void renew());
  };
  schedule();

  return {
    lost: lost.signal,
    stop: () => {
      stopped = true;
      cancel();
    },
  };
};
