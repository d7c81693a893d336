import { type CacheableToken, ValetKeyError } from '@valetkey/core-types';
import { isSameToken } from '../stores/same-token.ts';
import type { StoredToken, StoreReading } from '../stores/store-types.ts';
import type { Entry } from './entry.ts';
import { minRemainingLifeMs, refreshMarginMs } from './lifetime.ts';
import type { RenewalSettings } from './renewal-settings.ts';

/** Returns whether the entry's token has this much life left. */
export function hasLifeLeft(entry: Entry, nowMs: number, minRemainingMs: number): boolean {
  const remainingMs = entry.expiresAtMs - nowMs;
  return remainingMs > 0 && remainingMs >= minRemainingMs;
}

/**
 * Returns the earliest moment at which the cache may call the vendor for a caller who needs this much life.
 *
 * If the vendor repeated its latest token, this is `cooldownSeconds` after the repetition. If the latest token never
 * had this much life, a new token would not have it either: this is when the latest token is due for a renewal, and at
 * least `cooldownSeconds` after it was received. In both cases it is no later than the expiry of the latest token.
 */
export function nextIssueAtMs(entry: Entry, minRemainingMs: number, settings: RenewalSettings): number {
  const quietMs = settings.cooldownSeconds * 1000;
  const atMs =
    minRemainingMs <= entry.lifeMs
      ? entry.repeatedAtMs + quietMs
      : Math.max(entry.refreshAtMs, entry.receivedAtMs + quietMs);
  return Math.min(atMs, entry.expiresAtMs);
}

/**
 * Returns the token with the whole seconds that it has left. Each call returns the same promise of the same object,
 * until the next second begins or the token is due for a renewal.
 */
export function serveToken(entry: Entry, nowMs: number): Promise<CacheableToken> {
  if (entry.served !== undefined && nowMs < entry.servedUntilMs) return entry.served;
  const expiresInSeconds = Math.floor((entry.expiresAtMs - nowMs) / 1000);
  const token = Object.freeze({ ...entry.token, expiresInSeconds }) as CacheableToken;
  const served = Promise.resolve(token);
  entry.served = served;
  entry.servedUntilMs = Math.min(
    entry.expiresAtMs - Math.max(expiresInSeconds * 1000, entry.minRemainingMs),
    entry.refreshAtMs,
  );
  return served;
}

/** Forgets the entry's token, because the vendor refused it. */
export function dropToken(entry: Entry): void {
  entry.refused = entry.token;
  entry.token = undefined;
  entry.servedUntilMs = Number.NEGATIVE_INFINITY;
  entry.expiresAtMs = Number.NEGATIVE_INFINITY;
  entry.refreshAtMs = Number.NEGATIVE_INFINITY;
}

/** When the cache called the vendor, and how long the token lives according to the vendor. */
interface Receipt {
  readonly startedAtMs: number;
  readonly lifetimeMs: number;
}

/**
 * Puts a token that the vendor just issued into the entry, and returns whether the entry already had this token. The
 * life counts from the start of the call, because the vendor cannot have begun to count earlier. Throws
 * `vendor_response_invalid` if the token has already expired.
 */
export function receiveToken(
  entry: Entry,
  token: CacheableToken,
  { startedAtMs, lifetimeMs }: Receipt,
  settings: RenewalSettings,
): boolean {
  const nowMs = settings.clock.monotonicMs();
  const same = entry.token !== undefined && isSameToken(entry.token, token);
  // A vendor that repeats a token may shorten its life, but not extend it, unless the token had already expired here.
  const latestMs = same && entry.expiresAtMs > nowMs ? entry.expiresAtMs : Number.POSITIVE_INFINITY;
  const expiresAtMs = Math.min(startedAtMs + lifetimeMs, latestMs);
  const lifeMs = expiresAtMs - nowMs;
  if (lifeMs <= 0) {
    throw new ValetKeyError('vendor_response_invalid', 'The vendor issued a token that has already expired.', {
      vendor: entry.key.vendor,
      reason: 'token_over',
    });
  }
  // A vendor that repeats a token has no newer one yet. An immediate call would return the same token again.
  const refreshAtMs = same
    ? nowMs + Math.max(lifeMs / 2, settings.cooldownSeconds * 1000)
    : expiresAtMs - refreshMarginMs(lifetimeMs, settings.refreshMarginSeconds, settings.random);
  const repeatedAtMs = same ? nowMs : Number.NEGATIVE_INFINITY;
  setToken(entry, { token, expiresAtMs, refreshAtMs, lifeMs, repeatedAtMs }, settings);
  return same;
}

/**
 * Puts a token from the store into the entry if it expires later than the entry's own token, and returns whether it
 * did. `sentAtMs` is the monotonic time at which this process sent the request to the store.
 */
export function adoptToken(
  entry: Entry,
  { nowMs, stored }: StoreReading,
  sentAtMs: number,
  settings: RenewalSettings,
): boolean {
  if (stored === undefined) return false;
  // The store read its clock after `sentAtMs`. So a life that counts from `sentAtMs` may be too short, but never too
  // long.
  const offsetMs = sentAtMs - nowMs;
  const expiresAtMs = stored.expiresAtMs + offsetMs;
  const refreshAtMs = stored.refreshAtMs + offsetMs;
  const repeatedAtMs = (stored.repeatedAtMs ?? Number.NEGATIVE_INFINITY) + offsetMs;
  const { token, lifeMs } = stored;
  if (entry.token !== undefined && isSameToken(entry.token, token)) {
    if (repeatedAtMs > entry.repeatedAtMs) Object.assign(entry, { refreshAtMs, lifeMs, repeatedAtMs });
    return false;
  }
  if (expiresAtMs <= entry.expiresAtMs || expiresAtMs <= settings.clock.monotonicMs()) return false;
  if (entry.refused !== undefined && isSameToken(entry.refused, token)) return false;
  setToken(entry, { token, expiresAtMs, refreshAtMs, lifeMs, repeatedAtMs }, settings);
  return true;
}

/**
 * Returns the entry's token for the store, with its moments on the store's clock. The store's clock showed
 * `reading.nowMs` when the clock of this process showed `receivedAtMs`.
 */
export function toStoredToken(entry: Entry, reading: StoreReading, receivedAtMs: number): StoredToken | undefined {
  if (entry.token === undefined) return undefined;
  const offsetMs = reading.nowMs - receivedAtMs;
  return {
    token: entry.token,
    expiresAtMs: entry.expiresAtMs + offsetMs,
    refreshAtMs: entry.refreshAtMs + offsetMs,
    lifeMs: entry.lifeMs,
    repeatedAtMs: Number.isFinite(entry.repeatedAtMs) ? entry.repeatedAtMs + offsetMs : undefined,
  };
}

/** A token with its moments on this process's monotonic clock. */
interface ReceivedToken {
  readonly token: CacheableToken;
  readonly expiresAtMs: number;
  readonly refreshAtMs: number;
  readonly lifeMs: number;
  readonly repeatedAtMs: number;
}

function setToken(entry: Entry, received: ReceivedToken, settings: RenewalSettings): void {
  entry.token = received.token;
  entry.expiresAtMs = received.expiresAtMs;
  entry.refreshAtMs = received.refreshAtMs;
  entry.lifeMs = received.lifeMs;
  entry.receivedAtMs = settings.clock.monotonicMs();
  entry.repeatedAtMs = received.repeatedAtMs;
  entry.minRemainingMs = minRemainingLifeMs(settings.minRemainingSeconds, received.lifeMs);
  entry.servedUntilMs = Number.NEGATIVE_INFINITY;
  entry.failure = undefined;
  entry.refused = undefined;
}
