import { type CacheableToken, ValetKeyError } from '@valetkey/core-types';
import type { Entry } from './entries.ts';
import { needOrDefault, refreshMarginMs } from './lifetime.ts';
import type { TokenCacheSettings } from './options.ts';
import { sameToken } from './same-token.ts';
import type { StoredToken, StoreReading } from './store-types.ts';

/** Whether the entry's token may be answered to a caller who needs so much life. */
export const hasLeft = (entry: Entry, nowMs: number, needMs: number): boolean => {
  const remainingMs = entry.deadlineMs - nowMs;
  return remainingMs > 0 && remainingMs >= needMs;
};

/**
 * When the vendor may be asked for a caller who needs so much life. Its latest token may never have been as long as that:
 * then not while it is fresh. Or it may have been the same as before: then not at once.
 */
export const askAgainAtMs = (entry: Entry, needMs: number, settings: TokenCacheSettings): number => {
  const quietMs = settings.cooldownSeconds * 1000;
  const atMs =
    needMs <= entry.lifeMs ? entry.repeatedAtMs + quietMs : Math.max(entry.refreshAtMs, entry.receivedAtMs + quietMs);
  return Math.min(atMs, entry.deadlineMs);
};

/**
 * The token as it is answered: with the whole seconds that it has left. The same promise of the same object serves until
 * the next second begins, or the token wants to be looked at again.
 */
export const answerToken = (entry: Entry, nowMs: number): Promise<CacheableToken> => {
  if (entry.answer !== undefined && nowMs < entry.answerUntilMs) return entry.answer;
  const seconds = Math.floor((entry.deadlineMs - nowMs) / 1000);
  const token = Object.freeze({ ...entry.token, expiresInSeconds: seconds }) as CacheableToken;
  const answer = Promise.resolve(token);
  entry.answer = answer;
  entry.answerUntilMs = Math.min(entry.deadlineMs - Math.max(seconds * 1000, entry.needMs), entry.refreshAtMs);
  return answer;
};

/** A token with its moments on this process's monotonic clock. */
interface TokenState {
  readonly token: CacheableToken;
  readonly deadlineMs: number;
  readonly refreshAtMs: number;
  readonly lifeMs: number;
  readonly repeatedAtMs: number;
}

const setToken = (entry: Entry, state: TokenState, settings: TokenCacheSettings): void => {
  entry.token = state.token;
  entry.deadlineMs = state.deadlineMs;
  entry.refreshAtMs = state.refreshAtMs;
  entry.lifeMs = state.lifeMs;
  entry.receivedAtMs = settings.clock.monotonicMs();
  entry.repeatedAtMs = state.repeatedAtMs;
  entry.needMs = needOrDefault(settings.minRemainingSeconds, state.lifeMs);
  entry.answerUntilMs = Number.NEGATIVE_INFINITY;
  entry.failure = undefined;
  entry.refused = undefined;
};

/** Forgets the entry's token, because it was refused. */
export const dropToken = (entry: Entry): void => {
  entry.refused = entry.token;
  entry.token = undefined;
  entry.answerUntilMs = Number.NEGATIVE_INFINITY;
  entry.deadlineMs = Number.NEGATIVE_INFINITY;
  entry.refreshAtMs = Number.NEGATIVE_INFINITY;
};

/** When the vendor was asked, and how long it said that its token lives. */
interface Receipt {
  readonly startedAtMs: number;
  readonly saidMs: number;
}

/**
 * Takes a token that the vendor issued just now; answers whether it is the one that was there. Its life counts from the
 * moment the vendor was asked, the earliest at which the vendor can have begun to count.
 */
export const receiveToken = (
  entry: Entry,
  token: CacheableToken,
  { startedAtMs, saidMs }: Receipt,
  settings: TokenCacheSettings,
): boolean => {
  const nowMs = settings.clock.monotonicMs();
  const same = entry.token !== undefined && sameToken(entry.token, token);
  // While a token lives, its vendor may say that it ends sooner, but not later; of one that was over, it is believed.
  const latestMs = same && entry.deadlineMs > nowMs ? entry.deadlineMs : Number.POSITIVE_INFINITY;
  const deadlineMs = Math.min(startedAtMs + saidMs, latestMs);
  const lifeMs = deadlineMs - nowMs;
  if (lifeMs <= 0) {
    throw new ValetKeyError('vendor_response_invalid', 'The vendor issued a token that is over already.', {
      vendor: entry.key.vendor,
      reason: 'token_over',
    });
  }
  // A vendor that gives the same token again has no newer one yet: asking at once would only ask in vain.
  const refreshAtMs = same
    ? nowMs + Math.max(lifeMs / 2, settings.cooldownSeconds * 1000)
    : deadlineMs - refreshMarginMs(saidMs, settings.refreshMarginSeconds, settings.random);
  const repeatedAtMs = same ? nowMs : Number.NEGATIVE_INFINITY;
  setToken(entry, { token, deadlineMs, refreshAtMs, lifeMs, repeatedAtMs }, settings);
  return same;
};

/** Takes a token out of the store if it lives longer than the entry's own. `sentAtMs`: when the store was asked. */
export const adoptToken = (
  entry: Entry,
  { nowMs, stored }: StoreReading,
  sentAtMs: number,
  settings: TokenCacheSettings,
): boolean => {
  if (stored === undefined) return false;
  // The store read its clock after it was asked, so counting from the asking errs to the safe side.
  const offsetMs = sentAtMs - nowMs;
  const deadlineMs = stored.expiresAtMs + offsetMs;
  const refreshAtMs = stored.refreshAtMs + offsetMs;
  const repeatedAtMs = (stored.repeatedAtMs ?? Number.NEGATIVE_INFINITY) + offsetMs;
  const { token, lifeMs } = stored;
  if (entry.token !== undefined && sameToken(entry.token, token)) {
    if (repeatedAtMs > entry.repeatedAtMs) Object.assign(entry, { refreshAtMs, lifeMs, repeatedAtMs });
    return false;
  }
  if (deadlineMs <= entry.deadlineMs || deadlineMs <= settings.clock.monotonicMs()) return false;
  if (entry.refused !== undefined && sameToken(entry.refused, token)) return false;
  setToken(entry, { token, deadlineMs, refreshAtMs, lifeMs, repeatedAtMs }, settings);
  return true;
};

/** The entry's token for the store, whose clock said `nowMs` when its answer came at `receivedAtMs` of ours. */
export const toStored = (entry: Entry, reading: StoreReading, receivedAtMs: number): StoredToken | undefined => {
  if (entry.token === undefined) return undefined;
  const offsetMs = reading.nowMs - receivedAtMs;
  return {
    token: entry.token,
    expiresAtMs: entry.deadlineMs + offsetMs,
    refreshAtMs: entry.refreshAtMs + offsetMs,
    lifeMs: entry.lifeMs,
    repeatedAtMs: Number.isFinite(entry.repeatedAtMs) ? entry.repeatedAtMs + offsetMs : undefined,
  };
};
