import type { CacheableToken } from '@valetkey/core-types';
import type { StoreReading } from '../stores/store-types.ts';
import type { Entry } from './entry.ts';
import type { Issue } from './issue-once.ts';
import type { RenewalEvent } from './renewal-event.ts';
import type { RenewalSettings } from './renewal-settings.ts';
import type { StoreAccess } from './store-access.ts';

/** The dependencies that all renewals of one cache share. */
export interface RenewalDependencies {
  readonly settings: RenewalSettings;
  readonly storeAccess: StoreAccess;
  readonly record: (event: RenewalEvent) => void;
  /** Work that continues after the callers have their token, such as writing the token into the store. */
  readonly backgroundWork: Set<Promise<unknown>>;
}

/** The callers who wait for a renewal. */
interface Waiters {
  hasCallers: boolean;
  /** The longest life that a waiting caller asked for, in milliseconds. */
  minRemainingMs: number;
  /**
   * Whether the entry's default minimum applies as well: a waiting caller did not ask for a minimum, or no caller
   * waits.
   */
  useDefault: boolean;
}

/** The dependencies and the state of one renewal. */
export interface RenewalRun extends RenewalDependencies {
  readonly entry: Entry;
  readonly issue: Issue<CacheableToken>;
  /** The name under which this renewal holds the lease. */
  readonly owner: string;
  /** Aborted when the cache closes. */
  readonly abandoned: AbortController;
  readonly waiters: Waiters;
  /** Aborts the call to the vendor that is under way. */
  call: AbortController | undefined;
  /** How many times in a row the vendor failed, according to the store. */
  sharedAttempts: number;
  /** The latest reading of the store, and the monotonic time at which it arrived. */
  storeTime: { readonly reading: StoreReading; readonly receivedAtMs: number } | undefined;
}

export function createRenewalRun(
  entry: Entry,
  issue: Issue<CacheableToken>,
  dependencies: RenewalDependencies,
): RenewalRun {
  return {
    ...dependencies,
    entry,
    issue,
    owner: crypto.randomUUID(),
    abandoned: new AbortController(),
    waiters: { hasCallers: false, minRemainingMs: 0, useDefault: true },
    call: undefined,
    sharedAttempts: 0,
    storeTime: undefined,
  };
}

/** Keeps track of work that continues after the renewal, so that `TokenCache.close` waits for it. */
export function keepWorking({ backgroundWork }: RenewalDependencies, work: Promise<unknown>): void {
  const kept = work.finally(() => backgroundWork.delete(kept));
  backgroundWork.add(kept);
}

/** Gives the lease of this renewal back, in the background. */
export function releaseLease(run: RenewalRun): void {
  keepWorking(
    run,
    run.storeAccess.callDuringPause((store) => store.release(run.entry.key, run.owner)),
  );
}
