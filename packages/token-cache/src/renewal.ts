import { assertCacheable, type CacheableToken, type TokenKey, ValetKeyError } from '@valetkey/core-types';
import type { Entry } from './entries.ts';
import type { Recorder } from './events.ts';
import { cooldownMs, fromStoredFailure, recall, toStoredFailure } from './failure.ts';
import { type Issue, issueOnce } from './issue-once.ts';
import { holdLease } from './lease.ts';
import { lifetimeSeconds } from './lifetime.ts';
import type { TokenCacheSettings } from './options.ts';
import { type StoreDoor, unavailable } from './store-door.ts';
import type { StoredToken, StoreReading } from './store-types.ts';
import { pause } from './timers.ts';
import { adoptToken, askAgainAtMs, hasLeft, receiveToken, toStored } from './token-state.ts';

/** One run to get a key a new token, shared by everyone who waits for it. */
export interface Renewal {
  /** Settles once: a token arrived, or the failure that every waiter shares. */
  readonly done: Promise<void>;
  /** Adds a waiter, with the life that it asked for, in milliseconds. */
  readonly join: (needMs: number | undefined) => void;
  readonly abandon: () => void;
}

export interface RenewalEnvironment {
  readonly settings: TokenCacheSettings;
  readonly door: StoreDoor;
  readonly recorder: Recorder;
  /** Work that goes on after the waiters have their token. */
  readonly afterwards: Set<Promise<unknown>>;
}

/** How often a waiting replica looks whether the lease holder is done, in milliseconds. */
const pollMs = 40;

/** How long a background refresh leaves a key to the replica that holds the lease, in milliseconds. */
const yieldMs = 200;

/** Leases that one run may lose before it goes on without. */
const maxLeaseLosses = 2;

/** What calls that come too late are told. */
export const closedError = ({ vendor }: TokenKey): ValetKeyError =>
  new ValetKeyError('overloaded', 'The token cache is closed.', { vendor, reason: 'closed' });

/** Starts a run for this entry, in the background until somebody joins it. */
export const startRenewal = (
  entry: Entry,
  issue: Issue<CacheableToken>,
  { settings, door, recorder, afterwards }: RenewalEnvironment,
): Renewal => {
  const { clock, timers, random, leaseMs, issueTimeoutMs } = settings;
  const { key } = entry;
  const owner = crypto.randomUUID();
  const abandoned = new AbortController();
  const waiters = { some: false, needMs: 0, useDefault: true };
  let attempt: AbortController | undefined;
  let sharedAttempts = 0;
  let storeTime: { readonly reading: StoreReading; readonly receivedAtMs: number } | undefined;

  const keep = (work: Promise<unknown>): void => {
    const kept = work.finally(() => afterwards.delete(kept));
    afterwards.add(kept);
  };

  const release = (): void => keep(door.insist((store) => store.release(key, owner)));

  /** Takes what another replica left in the store; true if nothing more is needed. */
  const adopt = async (): Promise<boolean> => {
    const sentAtMs = clock.monotonicMs();
    const reading = await door.ask((store) => store.read(key));
    if (reading === unavailable) return false;
    const nowMs = clock.monotonicMs();
    storeTime = { reading, receivedAtMs: nowMs };
    if (adoptToken(entry, reading, sentAtMs, settings)) recorder.record({ type: 'adopt', key });
    const needMs = Math.max(waiters.needMs, waiters.useDefault ? entry.needMs : 0);
    if (nowMs < askAgainAtMs(entry, needMs, settings)) return true;
    return hasLeft(entry, nowMs, needMs) && (waiters.some || nowMs < entry.refreshAtMs);
  };

  const publish = async (stored: StoredToken | undefined, leased: boolean): Promise<void> => {
    if (leased && (await door.ask((store) => store.renew(key, owner, leaseMs))) === false) {
      // This process stood still for longer than its lease: the token of whoever came after it stays.
      recorder.record({ type: 'lease_lost', key });
      return;
    }
    if (stored !== undefined) await door.ask((store) => store.write(key, stored));
    if (leased) await door.insist((store) => store.release(key, owner));
  };

  const receive = (token: CacheableToken, startedAtMs: number): void => {
    assertCacheable(token);
    const seconds = lifetimeSeconds(token.expiresInSeconds, settings);
    const same = receiveToken(entry, token, { startedAtMs, saidMs: seconds * 1000 }, settings);
    const durationMs = clock.monotonicMs() - startedAtMs;
    recorder.record({ type: 'refresh', key, background: !waiters.some, lifetimeSeconds: seconds, durationMs, same });
  };

  const remember = (error: unknown, leased: boolean): void => {
    const attempts = Math.max(entry.failure?.attempts ?? 0, sharedAttempts) + 1;
    const durationMs = cooldownMs(error, attempts, settings);
    entry.failure = { error, attempts, untilMs: clock.monotonicMs() + durationMs };
    const failure = toStoredFailure(error, key.vendor, attempts);
    const { code, reason } = failure;
    recorder.record({
      type: 'failure',
      key,
      background: !waiters.some,
      code,
      reason,
      attempts,
      cooldownMs: durationMs,
    });
    if (leased) keep(door.insist((store) => store.coolDown(key, owner, failure, durationMs)));
  };

  /** Asks the vendor. False: the lease was lost meanwhile, and what came of it does not count. */
  const renew = async (leased: boolean): Promise<boolean> => {
    if (abandoned.signal.aborted) {
      if (leased) release();
      throw closedError(key);
    }
    const startedAtMs = clock.monotonicMs();
    const controller = new AbortController();
    attempt = controller;
    let lost = false;
    const onLost = (): void => {
      lost = true;
      controller.abort();
    };
    const stopRenewing = leased ? holdLease({ key, owner, leaseMs, door, timers, onLost }) : undefined;
    recorder.record({ type: 'issue', key, background: !waiters.some });
    try {
      receive(await issueOnce(issue, { controller, timers, issueTimeoutMs, vendor: key.vendor }), startedAtMs);
    } catch (error) {
      if (abandoned.signal.aborted) {
        if (leased) release();
      } else if (lost) {
        recorder.record({ type: 'lease_lost', key });
        return false;
      } else {
        remember(error, leased);
      }
      throw error;
    } finally {
      stopRenewing?.();
    }
    keep(publish(storeTime && toStored(entry, storeTime.reading, storeTime.receivedAtMs), leased));
    return true;
  };

  const run = async (): Promise<void> => {
    let losses = 0;
    let holder = '';
    let holderSinceMs = 0;
    for (;;) {
      if (await adopt()) return;
      // A holder has as long as one issue may take; one that holds on for longer is broken, and nobody's business.
      const stuck = holder !== '' && clock.monotonicMs() - holderSinceMs > issueTimeoutMs + leaseMs;
      const lease =
        losses < maxLeaseLosses && !stuck ? await door.ask((store) => store.acquire(key, owner, leaseMs)) : unavailable;
      if (lease === unavailable) {
        await renew(false);
        return;
      }
      if (lease.state === 'cooling') {
        const nowMs = clock.monotonicMs();
        const attempts = Math.max(entry.failure?.attempts ?? 0, lease.failure.attempts);
        entry.failure = { error: fromStoredFailure(lease.failure), attempts, untilMs: nowMs + lease.remainingMs };
        throw recall(entry.failure, nowMs);
      }
      if (lease.state === 'acquired') {
        sharedAttempts = lease.attempts;
        if (await adopt()) return release();
        if (await renew(true)) return;
        losses += 1;
      } else if (waiters.some) {
        if (lease.holder !== holder) {
          holder = lease.holder;
          holderSinceMs = clock.monotonicMs();
        }
        await pause(timers, pollMs * (0.5 + random()), abandoned.signal);
        if (abandoned.signal.aborted) throw closedError(key);
      } else {
        entry.refreshAtMs = clock.monotonicMs() + yieldMs;
        return;
      }
    }
  };

  const settle = async (): Promise<void> => {
    try {
      await run();
    } finally {
      entry.renewal = undefined;
    }
  };

  const renewal: Renewal = {
    done: Promise.resolve().then(settle),
    join: (needMs) => {
      waiters.useDefault = (waiters.some && waiters.useDefault) || needMs === undefined;
      waiters.needMs = Math.max(waiters.needMs, needMs ?? 0);
      waiters.some = true;
    },
    abandon: () => {
      abandoned.abort();
      attempt?.abort(closedError(key));
    },
  };
  // Nobody may be waiting for a background refresh: its failure is remembered in the entry, not thrown at the process.
  renewal.done.catch(() => undefined);
  entry.renewal = renewal;
  return renewal;
};
