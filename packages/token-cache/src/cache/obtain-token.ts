import { type CacheableToken, type TokenKey, ValetKeyError } from '@valetkey/core-types';
import type { Entry, Renewal } from '../renewal/entry.ts';
import { hasLifeLeft, nextIssueAtMs, serveToken } from '../renewal/entry-token.ts';
import { closedError, type RememberedFailure, toCooldownError } from '../renewal/failure.ts';
import type { Issue } from '../renewal/issue-once.ts';
import { startRenewal } from '../renewal/renewal.ts';
import type { CacheState } from './cache-state.ts';

/** The options of one `TokenCache.get`. */
export interface GetOptions {
  /** The least seconds of life that the returned token must have left. Default: the option of the cache. */
  readonly minRemainingSeconds?: number | undefined;
  /** Ends this caller's wait. Other callers who wait for the same token are not affected. */
  readonly signal?: AbortSignal | undefined;
}

/** How many renewals a caller waits for. If none returns a token with enough life, the caller receives an error. */
const maxRounds = 3;

/** Returns the token of a key from memory, or waits for its renewal. */
export async function obtainToken(
  cache: CacheState,
  key: TokenKey,
  issue: Issue<CacheableToken>,
  { minRemainingSeconds, signal }: GetOptions,
): Promise<CacheableToken> {
  const { settings, entries, record } = cache;
  if (minRemainingSeconds !== undefined && !(minRemainingSeconds >= 0 && minRemainingSeconds < Infinity)) {
    throw new TypeError('minRemainingSeconds must be a number of seconds, zero or more.');
  }
  const requestedMs = minRemainingSeconds === undefined ? undefined : minRemainingSeconds * 1000;
  signal?.throwIfAborted();
  if (cache.closed) throw closedError(key);
  const entry = entries.findOrCreate(key);
  for (let round = 0; ; round += 1) {
    const nowMs = settings.clock.monotonicMs();
    const minRemainingMs = requestedMs ?? entry.minRemainingMs;
    if (hasLifeLeft(entry, nowMs, minRemainingMs)) {
      return round === 0 ? serveFromMemory(cache, entry, nowMs, issue) : serveToken(entry, nowMs);
    }
    const issueAtMs = nextIssueAtMs(entry, minRemainingMs, settings);
    if (nowMs < issueAtMs) throw shortLifeError(entry.key, (issueAtMs - nowMs) / 1000);
    if (entry.failure !== undefined && isCoolingDown(entry, nowMs)) {
      throw repeatFailure(cache, entry.key, entry.failure, nowMs);
    }
    if (round === maxRounds) throw shortLifeError(entry.key, settings.cooldownSeconds);
    const renewal = entry.renewal ?? renew(cache, entry, issue);
    renewal.join(requestedMs);
    record({ type: 'wait', key: entry.key });
    await waitFor(renewal.done, signal);
  }
}

/** Returns the token from memory, and starts a renewal in the background if the token is due for one. */
function serveFromMemory(
  cache: CacheState,
  entry: Entry,
  nowMs: number,
  issue: Issue<CacheableToken>,
): Promise<CacheableToken> {
  entry.used = true;
  cache.record({ type: 'hit', key: entry.key });
  if (nowMs >= entry.refreshAtMs && entry.renewal === undefined && !isCoolingDown(entry, nowMs)) {
    renew(cache, entry, issue);
  }
  return serveToken(entry, nowMs);
}

function renew(cache: CacheState, entry: Entry, issue: Issue<CacheableToken>): Renewal {
  const { running, entries } = cache;
  const renewal = startRenewal(entry, issue, cache, () => {
    running.delete(renewal);
    entries.unpin(entry);
  });
  running.add(renewal);
  entries.pin(entry);
  return renewal;
}

function isCoolingDown({ failure }: Entry, nowMs: number): boolean {
  return failure !== undefined && nowMs < failure.untilMs;
}

function repeatFailure({ record }: CacheState, key: TokenKey, failure: RememberedFailure, nowMs: number): unknown {
  const error = toCooldownError(failure, nowMs);
  record({ type: 'cooldown', key, code: ValetKeyError.isInstance(error) ? error.code : 'unknown' });
  return error;
}

/** Returns the error for a caller who needs more life than the vendor's tokens have. */
function shortLifeError({ vendor }: TokenKey, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('vendor_response_invalid', "The vendor's tokens live for less time than the caller needs.", {
    vendor,
    reason: 'life_too_short',
    retryAfterSeconds: Math.ceil(retryAfterSeconds),
  });
}

/** Settles as `done` does, or rejects with the signal's reason when the caller aborts. */
function waitFor(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return done;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort);
    done.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
