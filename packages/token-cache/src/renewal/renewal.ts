import type { CacheableToken } from '@valetkey/core-types';
import type { LeaseResponse } from '../stores/store-types.ts';
import { adoptToken, hasLifeLeft, nextIssueAtMs } from './entry-token.ts';
import type { Entry, Renewal } from './entry.ts';
import { closedError, toCooldownError, toError } from './failure.ts';
import type { Issue } from './issue-once.ts';
import { createRenewalRun, releaseLease, type RenewalDependencies, type RenewalRun } from './renewal-run.ts';
import { unavailable } from './store-access.ts';
import { pause } from './timers.ts';
import { callVendor } from './vendor-call.ts';

/** Average milliseconds between two readings of the store by a replica that waits for the replica with the lease. */
const pollMs = 40;

/** Milliseconds until a background renewal is due again if another replica has the lease. */
const backgroundRetryMs = 200;

/** How many leases one renewal may lose before it continues without a lease. */
const maxLeaseLosses = 2;

/**
 * Starts a renewal of this entry's token. It is a background renewal until a caller joins it. `onEnd` is called once.
 */
export function startRenewal(
  entry: Entry,
  issue: Issue<CacheableToken>,
  dependencies: RenewalDependencies,
  onEnd: () => void,
): Renewal {
  const run = createRenewalRun(entry, issue, dependencies);
  const { waiters, abandoned } = run;
  const renewal: Renewal = {
    done: Promise.resolve()
      .then(() => renew(run))
      .finally(() => {
        entry.renewal = undefined;
        onEnd();
      }),
    join: (minRemainingMs) => {
      waiters.useDefault = (waiters.hasCallers && waiters.useDefault) || minRemainingMs === undefined;
      waiters.minRemainingMs = Math.max(waiters.minRemainingMs, minRemainingMs ?? 0);
      waiters.hasCallers = true;
    },
    abandon: () => {
      abandoned.abort();
      run.call?.abort(closedError(entry.key));
    },
  };
  // No caller handles the failure of a background renewal. The entry remembers the failure.
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
      // Another replica may have stored its token after this replica read the store and before it acquired the lease.
      if (await adoptFromStore(run)) return releaseLease(run);
      if (await callVendor(run, true)) return;
      losses += 1;
    } else if (waiters.hasCallers) {
      await waitForHolder(run, holder, lease.holder);
    } else {
      entry.refreshAtMs = settings.clock.monotonicMs() + backgroundRetryMs;
      return;
    }
  }
}

/** Adopts the token that another replica may have stored. Resolves to whether the renewal can end with it. */
async function adoptFromStore(run: RenewalRun): Promise<boolean> {
  const { entry, waiters, storeAccess, record, settings } = run;
  const { clock } = settings;
  const { key } = entry;
  const sentAtMs = clock.monotonicMs();
  const reading = await storeAccess.call((store) => store.read(key));
  if (reading === unavailable) return false;
  const nowMs = clock.monotonicMs();
  run.storeTime = { reading, receivedAtMs: nowMs };
  if (adoptToken(entry, reading, sentAtMs, settings)) record({ type: 'adopt', key });
  const minRemainingMs = Math.max(waiters.minRemainingMs, waiters.useDefault ? entry.minRemainingMs : 0);
  if (nowMs < nextIssueAtMs(entry, minRemainingMs, settings)) return true;
  return hasLifeLeft(entry, nowMs, minRemainingMs) && (waiters.hasCallers || nowMs < entry.refreshAtMs);
}

/** The replica that has the lease, and since when this replica has seen it there. */
interface Holder {
  name: string;
  sinceMs: number;
}

/** Asks the store for the lease. Ignores a lease that is older than any call to the vendor can be. */
async function requestLease(run: RenewalRun, holder: Holder): Promise<LeaseResponse | typeof unavailable> {
  const { entry, owner, storeAccess, settings } = run;
  const { clock, issueTimeoutMs, leaseMs } = settings;
  const isStuck = holder.name !== '' && clock.monotonicMs() - holder.sinceMs > issueTimeoutMs + leaseMs;
  return isStuck ? unavailable : storeAccess.call((store) => store.acquire(entry.key, owner, leaseMs));
}

/** Copies another replica's failure into the entry and returns the error for the callers. */
function shareFailure({ entry, settings }: RenewalRun, lease: LeaseResponse & { readonly state: 'cooling' }): unknown {
  const nowMs = settings.clock.monotonicMs();
  const attempts = Math.max(entry.failure?.attempts ?? 0, lease.failure.attempts);
  entry.failure = { error: toError(lease.failure), attempts, untilMs: nowMs + lease.remainingMs };
  return toCooldownError(entry.failure, nowMs);
}

/** Waits until it is time to read the store again. Throws if the cache closes meanwhile. */
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
