import type { CacheableToken } from '@valetkey/core-types';
import type { StoreReading } from '../stores/store-types.ts';
import type { Entry } from './entry.ts';
import type { Issue } from './issue-once.ts';
import type { RenewalEvent } from './renewal-event.ts';
import type { RenewalSettings } from './renewal-settings.ts';
import type { StoreDoor } from './store-door.ts';

/** What a renewal works with. */
export interface RenewalDependencies {
  readonly settings: RenewalSettings;
  readonly door: StoreDoor;
  readonly record: (event: RenewalEvent) => void;
  /** Work that goes on after the callers have their token. */
  readonly afterwards: Set<Promise<unknown>>;
}

/** The callers who wait for a run. */
interface Waiters {
  some: boolean;
  /** The longest life that one of them asks for, in milliseconds. */
  minRemainingMs: number;
  /** Whether one of them asks for none, so that the entry's default counts. */
  useDefault: boolean;
}

/** One run that gets a new token for a key: what it works with, and what it has learnt so far. */
export interface RenewalRun extends RenewalDependencies {
  readonly entry: Entry;
  readonly issue: Issue<CacheableToken>;
  /** The name under which this run holds the lease. */
  readonly owner: string;
  readonly abandoned: AbortController;
  readonly waiters: Waiters;
  /** Aborts the call to the vendor that is under way. */
  call: AbortController | undefined;
  /** How many failures in a row the store counted. */
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
    waiters: { some: false, minRemainingMs: 0, useDefault: true },
    call: undefined,
    sharedAttempts: 0,
    storeTime: undefined,
  };
}

/** Lets work go on after the run, and `TokenCache.close` wait for it. */
export function keepWorking({ afterwards }: RenewalDependencies, work: Promise<unknown>): void {
  const kept = work.finally(() => afterwards.delete(kept));
  afterwards.add(kept);
}

/** Gives the lease of this run back, in the background. */
export function releaseLease(run: RenewalRun): void {
  keepWorking(
    run,
    run.door.insist((store) => store.release(run.entry.key, run.owner)),
  );
}
