import { assertCacheable, type CacheableToken } from '@valetkey/core-types';
import type { StoredToken } from '../stores/store-types.ts';
import { receiveToken, toStoredToken } from './entry-token.ts';
import { closedError, cooldownMs, toStoredFailure } from './failure.ts';
import { issueOnce } from './issue-once.ts';
import { holdLease } from './lease.ts';
import { lifetimeSeconds } from './lifetime.ts';
import { keepWorking, releaseLease, type RenewalRun } from './renewal-run.ts';

/**
 * Calls the vendor and keeps the token or the failure in the entry and in the store. Resolves to false if another
 * replica took the lease during the call: the result is then ignored.
 */
export async function callVendor(run: RenewalRun, hasLease: boolean): Promise<boolean> {
  const { entry, owner, storeAccess, record, abandoned, settings } = run;
  const { clock, timers, leaseMs, issueTimeoutMs } = settings;
  const { key } = entry;
  if (abandoned.signal.aborted) {
    if (hasLease) releaseLease(run);
    throw closedError(key);
  }
  const startedAtMs = clock.monotonicMs();
  const controller = new AbortController();
  run.call = controller;
  let isLost = false;
  const onLost = (): void => {
    isLost = true;
    controller.abort();
  };
  const stopExtending = hasLease ? holdLease({ key, owner, leaseMs, storeAccess, timers, onLost }) : undefined;
  record({ type: 'issue', key, background: !run.waiters.hasCallers });
  try {
    const token = await issueOnce(run.issue, { controller, timers, issueTimeoutMs, vendor: key.vendor });
    putToken(run, token, startedAtMs);
  } catch (error) {
    if (abandoned.signal.aborted) {
      if (hasLease) releaseLease(run);
    } else if (isLost) {
      record({ type: 'lease_lost', key });
      return false;
    } else {
      putFailure(run, error, hasLease);
    }
    throw error;
  } finally {
    stopExtending?.();
  }
  const { storeTime } = run;
  keepWorking(
    run,
    publish(run, storeTime && toStoredToken(entry, storeTime.reading, storeTime.receivedAtMs), hasLease),
  );
  return true;
}

function putToken({ entry, settings, record, waiters }: RenewalRun, token: CacheableToken, startedAtMs: number): void {
  assertCacheable(token);
  const seconds = lifetimeSeconds(token.expiresInSeconds, settings);
  const same = receiveToken(entry, token, { startedAtMs, lifetimeMs: seconds * 1000 }, settings);
  const durationMs = settings.clock.monotonicMs() - startedAtMs;
  const { key } = entry;
  record({ type: 'refresh', key, background: !waiters.hasCallers, lifetimeSeconds: seconds, durationMs, same });
}

function putFailure(run: RenewalRun, error: unknown, hasLease: boolean): void {
  const { entry, owner, storeAccess, record, settings } = run;
  const { key } = entry;
  const attempts = Math.max(entry.failure?.attempts ?? 0, run.sharedAttempts) + 1;
  const durationMs = cooldownMs(error, attempts, settings);
  entry.failure = { error, attempts, untilMs: settings.clock.monotonicMs() + durationMs };
  const failure = toStoredFailure(error, key.vendor, attempts);
  const { code, reason } = failure;
  const background = !run.waiters.hasCallers;
  record({ type: 'failure', key, background, code, reason, attempts, cooldownMs: durationMs });
  if (!hasLease) return;
  keepWorking(
    run,
    storeAccess.callDuringPause((store) => store.coolDown(key, owner, failure, durationMs)),
  );
}

/** Writes the token into the store and gives the lease back. Does neither if another replica has the lease by now. */
async function publish(run: RenewalRun, stored: StoredToken | undefined, hasLease: boolean): Promise<void> {
  const { entry, owner, storeAccess, record, settings } = run;
  const { key } = entry;
  if (hasLease && (await storeAccess.call((store) => store.extend(key, owner, settings.leaseMs))) === false) {
    // This process stood still for longer than its lease lives. The store keeps the token of the next holder.
    record({ type: 'lease_lost', key });
    return;
  }
  if (stored !== undefined) await storeAccess.call((store) => store.write(key, stored));
  if (hasLease) await storeAccess.callDuringPause((store) => store.release(key, owner));
}
