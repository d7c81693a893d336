import { type CacheableToken, type TokenKey, ValetKeyError } from '@valetkey/core-types';
import { createEntries, type Entry } from './entries.ts';
import { createRecorder, type TokenCacheStats } from './events.ts';
import { recall, type RememberedFailure } from './failure.ts';
import type { Issue } from './issue-once.ts';
import { parseOptions, type TokenCacheOptions } from './options.ts';
import { closedError, type RenewalEnvironment, startRenewal } from './renewal.ts';
import { sameToken } from './same-token.ts';
import { createStoreDoor } from './store-door.ts';
import { copyTokenKey } from './token-key.ts';
import { answerToken, askAgainAtMs, dropToken, hasLeft } from './token-state.ts';

/** What one {@link TokenCache.get} may ask for. */
export interface GetOptions {
  /** Seconds of life that the answered token has at the least. */
  readonly minRemainingSeconds?: number | undefined;
  /** Ends this caller's wait alone; others who wait for the same token go on. */
  readonly signal?: AbortSignal | undefined;
}

/** Machine credentials, kept fresh. Made by {@link createTokenCache}. */
export interface TokenCache {
  /**
   * Answers the token of this key, with `expiresInSeconds` set to the whole seconds that it has left. What is there is
   * answered at once, and refreshed in the background when its time has come; what is not is issued, once for all who ask.
   *
   * `issue` asks the vendor. Its token may say anything about its life: a number or a number in text counts, from the
   * moment of the asking; nothing, or nonsense, is `defaultLifetimeSeconds`; what is absurd is cut to
   * `maxLifetimeSeconds`; zero or less is a failure. A frozen key object that is passed again is found fastest.
   *
   * Rejects with what `issue` threw, for all who waited for it, and with the same failure and the seconds that are left
   * (`retryAfterSeconds`) during the cool-down; `vendor_timeout` where `issue` took longer than `issueTimeoutMs`;
   * `vendor_response_invalid` where its token was over already (`token_over`), or where no token of this vendor lives as
   * long as the caller needs (`life_too_short`); `overloaded` after {@link TokenCache.close}, or where every one of
   * `maxEntries` keys is being renewed; with the reason of `signal` if the caller gives up; `TypeError` for a token that is
   * bound to a user, or a key or a need that is none.
   *
   * @example
   * ```ts
   * import { Secret, type ServerToken } from '@valetkey/core-types';
   * import { createTokenCache } from '@valetkey/token-cache';
   *
   * const cache = createTokenCache();
   * const issue = async (): Promise<ServerToken> => ({
   *   kind: 'server',
   *   vendor: 'nymbl',
   *   secret: new Secret('sandbox-only-token'),
   *   expiresInSeconds: 300,
   * });
   * const token = await cache.get({ vendor: 'nymbl', scope: 'acme' }, issue, { minRemainingSeconds: 30 });
   * console.log(token.expiresInSeconds); // 299
   * ```
   */
  readonly get: <Token extends CacheableToken>(
    key: TokenKey,
    issue: Issue<Token>,
    options?: GetOptions,
  ) => Promise<Token>;
  /**
   * Drops exactly this token, because the vendor refused it (401), here and in the store; the next `get` issues another.
   * A successor that is there already stays. Answers whether it was dropped: five reports in a row are believed at once,
   * then one in 30 s, so that nobody can have a token issued per request. Never rejects.
   */
  readonly invalidate: (key: TokenKey, token: CacheableToken) => Promise<boolean>;
  /** Forgets all that is in memory. What the store holds stays, and what is on its way reaches those who wait for it. */
  readonly clear: () => void;
  /** Ends what is under way, gives leases back, closes the store. Every `get` from now on is `overloaded`. */
  readonly close: () => Promise<void>;
  /** Counters since the cache was made, and its size now. */
  readonly stats: () => TokenCacheStats;
}

/** Reports of refused tokens that are believed at once; each {@link dropRefillMs} one more. */
const maxDrops = 5;
const dropRefillMs = 30_000;

/** Renewals that one caller waits for before it is told that none was good enough. */
const maxRounds = 3;

const waitFor = (done: Promise<void>, signal: AbortSignal | undefined): Promise<void> => {
  if (signal === undefined) return done;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort);
    done.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
};

/** What callers are told whose need is more than the life of the vendor's latest token. */
const shortLifeError = ({ vendor }: TokenKey, retryAfterSeconds: number): ValetKeyError =>
  new ValetKeyError('vendor_response_invalid', "The vendor's tokens do not live as long as was asked for.", {
    vendor,
    reason: 'life_too_short',
    retryAfterSeconds: Math.ceil(retryAfterSeconds),
  });

/** Whether a token that serves anybody serves this caller, too. */
const suits = ({ signal, minRemainingSeconds }: GetOptions, remainingMs: number): boolean =>
  signal?.aborted !== true && (minRemainingSeconds === undefined || remainingMs >= minRemainingSeconds * 1000);

const isCooling = (entry: Entry, nowMs: number): boolean =>
  entry.failure !== undefined && nowMs < entry.failure.untilMs;

/** Whether one more report of a refused token is believed at once. */
const takeDrop = (entry: Entry, nowMs: number): boolean => {
  const drops = Math.max(0, entry.drops - (nowMs - entry.dropsAtMs) / dropRefillMs);
  if (drops > maxDrops - 1) return false;
  entry.drops = drops + 1;
  entry.dropsAtMs = nowMs;
  return true;
};

/**
 * A cache that keeps machine credentials fresh: one issue at a time per key, in this process and, with a `store`, over all
 * replicas. In memory alone unless it is given one.
 *
 * Throws a `TypeError` that names what is wrong with the options.
 *
 * @example
 * ```ts
 * import { createTokenCache } from '@valetkey/token-cache';
 *
 * const cache = createTokenCache({ refreshMarginSeconds: 30, onEvent: (event) => console.log(event.type) });
 * console.log(cache.stats().entries); // 0
 * ```
 */
export const createTokenCache = (options: TokenCacheOptions = {}): TokenCache => {
  const settings = parseOptions(options);
  const { clock, onEvent, store } = settings;
  const recorder = createRecorder(onEvent);
  const { counters, record } = recorder;
  const door = createStoreDoor({ ...settings, store, recorder });
  const entries = createEntries(settings.maxEntries, ({ key }) => record({ type: 'evict', key }));
  const running = new Set<ReturnType<typeof startRenewal>>();
  const environment: RenewalEnvironment = { settings, door, recorder, afterwards: new Set() };
  let closed = false;

  const renew = (entry: Entry, issue: Issue<CacheableToken>): ReturnType<typeof startRenewal> => {
    const renewal = startRenewal(entry, issue, environment);
    running.add(renewal);
    const ended = (): boolean => running.delete(renewal);
    renewal.done.then(ended, ended);
    return renewal;
  };

  const recallFailure = (key: TokenKey, failure: RememberedFailure, nowMs: number): unknown => {
    const error = recall(failure, nowMs);
    record({ type: 'cooldown', key, code: ValetKeyError.isInstance(error) ? error.code : 'unknown' });
    return error;
  };

  /** Answers out of memory, and sees to it that the next callers can be answered so too. */
  const serve = (entry: Entry, nowMs: number, issue: Issue<CacheableToken>): Promise<CacheableToken> => {
    entry.used = true;
    record({ type: 'hit', key: entry.key });
    if (nowMs >= entry.refreshAtMs && entry.renewal === undefined && !isCooling(entry, nowMs)) renew(entry, issue);
    return answerToken(entry, nowMs);
  };

  const obtain = async (key: TokenKey, issue: Issue<CacheableToken>, options: GetOptions): Promise<CacheableToken> => {
    const { minRemainingSeconds, signal } = options;
    if (minRemainingSeconds !== undefined && !(minRemainingSeconds >= 0 && minRemainingSeconds < Infinity)) {
      throw new TypeError('minRemainingSeconds must be a number of seconds, zero or more.');
    }
    const askedMs = minRemainingSeconds === undefined ? undefined : minRemainingSeconds * 1000;
    signal?.throwIfAborted();
    if (closed) throw closedError(key);
    const entry = entries.ensure(key);
    for (let round = 0; ; round += 1) {
      const nowMs = clock.monotonicMs();
      const needMs = askedMs ?? entry.needMs;
      if (hasLeft(entry, nowMs, needMs)) return round === 0 ? serve(entry, nowMs, issue) : answerToken(entry, nowMs);
      const askAtMs = askAgainAtMs(entry, needMs, settings);
      if (nowMs < askAtMs) throw shortLifeError(entry.key, (askAtMs - nowMs) / 1000);
      if (entry.failure !== undefined && isCooling(entry, nowMs)) throw recallFailure(entry.key, entry.failure, nowMs);
      if (round === maxRounds) throw shortLifeError(entry.key, settings.cooldownSeconds);
      const renewal = entry.renewal ?? renew(entry, issue);
      renewal.join(askedMs);
      record({ type: 'wait', key: entry.key });
      await waitFor(renewal.done, signal);
    }
  };

  const get = (key: TokenKey, issue: Issue<CacheableToken>, options?: GetOptions): Promise<CacheableToken> => {
    // Nearly every call ends here. Whatever this does not answer, `obtain` does, the long way round.
    const entry = entries.recognise(key);
    if (entry?.answer !== undefined) {
      const nowMs = clock.monotonicMs();
      if (nowMs < entry.answerUntilMs && (options === undefined || suits(options, entry.deadlineMs - nowMs))) {
        entry.used = true;
        if (onEvent === undefined) counters.hits += 1;
        else record({ type: 'hit', key: entry.key });
        return entry.answer;
      }
    }
    return obtain(key, issue, options ?? {});
  };

  const invalidate = async (key: TokenKey, token: CacheableToken): Promise<boolean> => {
    const entry = entries.find(key);
    const current = entry?.token !== undefined && sameToken(entry.token, token);
    const dropped = current && takeDrop(entry, clock.monotonicMs());
    if (dropped) dropToken(entry);
    record({ type: 'invalidate', key: copyTokenKey(key), current, dropped });
    if (dropped || !current) await door.ask((store) => store.remove(key, token));
    return dropped;
  };

  return {
    // The key names one vendor's tokens, so what was kept under it is what this `issue` issues.
    get: get as TokenCache['get'],
    invalidate,
    clear: entries.clear,
    close: async () => {
      closed = true;
      entries.clear();
      for (const renewal of running) renewal.abandon();
      await Promise.allSettled(Array.from(running, ({ done }) => done));
      await Promise.allSettled(environment.afterwards);
      await door.insist((open) => open.close());
    },
    stats: () => ({
      ...counters,
      entries: entries.size(),
      renewals: running.size,
      storeReachable: door.reachable(),
    }),
  };
};
