import { assertCacheable, type CacheableToken } from '@valetkey/core-types';
import type { StoredToken } from '../stores/store-types.ts';
import { receiveToken, toStoredToken } from './entry-token.ts';
import { closedError, cooldownMs, toStoredFailure } from './failure.ts';
import { issueOnce } from './issue-once.ts';
import { holdLease } from './lease.ts';
import { lifetimeSeconds } from './lifetime.ts';
import { keepWorking, releaseLease, type RenewalRun } from './renewal-run.ts';

/**
 * Calls the vendor and puts its token, or its failure, into the entry and into the store. Resolves to false if the lease
 * was lost during the call: the result is then ignored.
 */
export async function callVendor(run: RenewalRun, leased: boolean): Promise<boolean> {
  const { entry, owner, door, record, abandoned, settings } = run;
  const { clock, timers, leaseMs, issueTimeoutMs } = settings;
  const { key } = entry;
  if (abandoned.signal.aborted) {
    if (leased) releaseLease(run);
    throw closedError(key);
  }
  const startedAtMs = clock.monotonicMs();
  const controller = new AbortController();
  run.call = controller;
  let lost = false;
  const onLost = (): void => {
    lost = true;
    controller.abort();
  };
  const stopRenewing = leased ? holdLease({ key, owner, leaseMs, door, timers, onLost }) : undefined;
  record({ type: 'issue', key, background: !run.waiters.some });
  try {
    const token = await issueOnce(run.issue, { controller, timers, issueTimeoutMs, vendor: key.vendor });
    putToken(run, token, startedAtMs);
  } catch (error) {
    if (abandoned.signal.aborted) {
      if (leased) releaseLease(run);
    } else if (lost) {
      record({ type: 'lease_lost', key });
      return false;
    } else {
      putFailure(run, error, leased);
    }
    throw error;
  } finally {
    stopRenewing?.();
  }
  const { storeTime } = run;
  keepWorking(run, publish(run, storeTime && toStoredToken(entry, storeTime.reading, storeTime.receivedAtMs), leased));
  return true;
}

function putToken({ entry, settings, record, waiters }: RenewalRun, token: CacheableToken, startedAtMs: number): void {
  assertCacheable(token);
  const seconds = lifetimeSeconds(token.expiresInSeconds, settings);
  const same = receiveToken(entry, token, { startedAtMs, lifetimeMs: seconds * 1000 }, settings);
  const durationMs = settings.clock.monotonicMs() - startedAtMs;
  const { key } = entry;
  record({ type: 'refresh', key, background: !waiters.some, lifetimeSeconds: seconds, durationMs, same });
}

function putFailure(run: RenewalRun, error: unknown, leased: boolean): void {
  const { entry, owner, door, record, settings } = run;
  const { key } = entry;
  const attempts = Math.max(entry.failure?.attempts ?? 0, run.sharedAttempts) + 1;
  const durationMs = cooldownMs(error, attempts, settings);
  entry.failure = { error, attempts, untilMs: settings.clock.monotonicMs() + durationMs };
  const failure = toStoredFailure(error, key.vendor, attempts);
  const { code, reason } = failure;
  const background = !run.waiters.some;
  record({ type: 'failure', key, background, code, reason, attempts, cooldownMs: durationMs });
  if (!leased) return;
  keepWorking(
    run,
    door.insist((store) => store.coolDown(key, owner, failure, durationMs)),
  );
}

/** Writes the token into the store, unless another replica has the lease by now, and gives the lease back. */
async function publish(run: RenewalRun, stored: StoredToken | undefined, leased: boolean): Promise<void> {
  const { entry, owner, door, record, settings } = run;
  const { key } = entry;
  if (leased && (await door.ask((store) => store.renew(key, owner, settings.leaseMs))) === false) {
    // This process stood still for longer than its lease. The token of the next holder stays.
    record({ type: 'lease_lost', key });
    return;
  }
  if (stored !== undefined) await door.ask((store) => store.write(key, stored));
  if (leased) await door.insist((store) => store.release(key, owner));
}
