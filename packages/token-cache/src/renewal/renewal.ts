import type { CacheableToken } from '@valetkey/core-types';
import type { LeaseAnswer } from '../stores/store-types.ts';
import { adoptToken, hasLifeLeft, nextIssueAtMs } from './entry-token.ts';
import type { Entry, Renewal } from './entry.ts';
import { closedError, toCooldownError, toError } from './failure.ts';
import type { Issue } from './issue-once.ts';
import { createRenewalRun, releaseLease, type RenewalDependencies, type RenewalRun } from './renewal-run.ts';
import { unavailable } from './store-door.ts';
import { pause } from './timers.ts';
import { callVendor } from './vendor-call.ts';

/** How often a waiting replica looks whether the holder of the lease is done, in milliseconds. */
const pollMs = 40;

/** How long a background refresh leaves a key to the replica that holds the lease, in milliseconds. */
const yieldMs = 200;

/** How many leases one run may lose before it continues without one. */
const maxLeaseLosses = 2;

/** Starts a run for this entry. It is a background run until a caller joins it. */
export function startRenewal(entry: Entry, issue: Issue<CacheableToken>, dependencies: RenewalDependencies): Renewal {
  const run = createRenewalRun(entry, issue, dependencies);
  const { waiters, abandoned } = run;
  const renewal: Renewal = {
    done: Promise.resolve()
      .then(() => renew(run))
      .finally(() => {
        entry.renewal = undefined;
      }),
    join: (minRemainingMs) => {
      waiters.useDefault = (waiters.some && waiters.useDefault) || minRemainingMs === undefined;
      waiters.minRemainingMs = Math.max(waiters.minRemainingMs, minRemainingMs ?? 0);
      waiters.some = true;
    },
    abandon: () => {
      abandoned.abort();
      run.call?.abort(closedError(entry.key));
    },
  };
  // A background run has no caller who handles its failure. The entry remembers it.
  renewal.done.catch(() => undefined);
  entry.renewal = renewal;
  return renewal;
}

/** Gets a token from the store, or from the vendor once this replica has the lease. */
async function renew(run: RenewalRun): Promise<void> {
  const { entry, settings, waiters } = run;
  const holder = { name: '', sinceMs: 0 };
  let losses = 0;
  for (;;) {
    if (await adoptFromStore(run)) return;
    const lease = losses < maxLeaseLosses ? await requestLease(run, holder) : unavailable;
    if (lease === unavailable) {
      await callVendor(run, false);
      return;
    }
    if (lease.state === 'cooling') throw shareFailure(run, lease);
    if (lease.state === 'acquired') {
      run.sharedAttempts = lease.attempts;
      // Another replica may have stored its token between the first look and the lease.
      if (await adoptFromStore(run)) return releaseLease(run);
      if (await callVendor(run, true)) return;
      losses += 1;
    } else if (waiters.some) {
      await waitForHolder(run, holder, lease.holder);
    } else {
      entry.refreshAtMs = settings.clock.monotonicMs() + yieldMs;
      return;
    }
  }
}

/** Reads the token that another replica may have stored. Resolves to true if nothing more is needed. */
async function adoptFromStore(run: RenewalRun): Promise<boolean> {
  const { entry, waiters, door, record, settings } = run;
  const { clock } = settings;
  const { key } = entry;
  const sentAtMs = clock.monotonicMs();
  const reading = await door.ask((store) => store.read(key));
  if (reading === unavailable) return false;
  const nowMs = clock.monotonicMs();
  run.storeTime = { reading, receivedAtMs: nowMs };
  if (adoptToken(entry, reading, sentAtMs, settings)) record({ type: 'adopt', key });
  const minRemainingMs = Math.max(waiters.minRemainingMs, waiters.useDefault ? entry.minRemainingMs : 0);
  if (nowMs < nextIssueAtMs(entry, minRemainingMs, settings)) return true;
  return hasLifeLeft(entry, nowMs, minRemainingMs) && (waiters.some || nowMs < entry.refreshAtMs);
}

interface Holder {
  name: string;
  sinceMs: number;
}

/** Asks the store for the lease. A holder that takes longer than any call to the vendor may take is not respected. */
async function requestLease(run: RenewalRun, holder: Holder): Promise<LeaseAnswer | typeof unavailable> {
  const { entry, owner, door, settings } = run;
  const { clock, issueTimeoutMs, leaseMs } = settings;
  const isStuck = holder.name !== '' && clock.monotonicMs() - holder.sinceMs > issueTimeoutMs + leaseMs;
  return isStuck ? unavailable : door.ask((store) => store.acquire(entry.key, owner, leaseMs));
}

/** Puts another replica's failure into the entry and returns the error for the callers. */
function shareFailure({ entry, settings }: RenewalRun, lease: LeaseAnswer & { readonly state: 'cooling' }): unknown {
  const nowMs = settings.clock.monotonicMs();
  const attempts = Math.max(entry.failure?.attempts ?? 0, lease.failure.attempts);
  entry.failure = { error: toError(lease.failure), attempts, untilMs: nowMs + lease.remainingMs };
  return toCooldownError(entry.failure, nowMs);
}

async function waitForHolder(run: RenewalRun, holder: Holder, name: string): Promise<void> {
  const { entry, abandoned, settings } = run;
  const { clock, timers, random } = settings;
  if (name !== holder.name) {
    holder.name = name;
    holder.sinceMs = clock.monotonicMs();
  }
  await pause(timers, pollMs * (0.5 + random()), abandoned.signal);
  if (abandoned.signal.aborted) throw closedError(entry.key);
}
