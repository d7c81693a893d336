import type { CacheableToken, TokenKey } from '@valetkey/core-types';
import type { Issue } from '../renewal/issue-once.ts';
import { createStoreAccess } from '../renewal/store-access.ts';
import type { CacheState } from './cache-state.ts';
import { createEntryMap } from './entry-map.ts';
import { createRecorder, type TokenCacheStats } from './events.ts';
import { type GetOptions, obtainToken } from './obtain-token.ts';
import { reportRefusedToken } from './refused-token.ts';
import { parseTokenCacheOptions, type TokenCacheOptions } from './token-cache-options.ts';

/** A cache that renews server tokens and account-bound client tokens. Created by {@link createTokenCache}. */
export interface TokenCache {
  /**
   * Resolves to the token of a key. Its `expiresInSeconds` is the number of whole seconds that it has left.
   *
   * A token in memory is returned at once; if it is due for a renewal, the cache renews it in the background. If there
   * is no token, the cache calls `issue` once for all callers who wait. A call is fastest with a frozen key object that
   * was passed before.
   *
   * `issue` requests a token from the vendor. The token lives for its `expiresInSeconds` (a number, or a number as text),
   * counted from the call of `issue` and limited to `maxLifetimeSeconds`. If the value is absent or not a number, the
   * token lives for `defaultLifetimeSeconds`. A value of zero or less is a failure.
   *
   * Every waiting caller receives the error that `issue` threw. Until the cool-down ends, callers receive the same
   * error with the seconds that remain (`retryAfterSeconds`). The other errors:
   *
   * - `vendor_timeout`: `issue` took longer than `issueTimeoutMs`.
   * - `vendor_response_invalid`: the token had already expired (reason `token_over`), or the vendor's tokens live for
   *   less time than the caller needs (reason `life_too_short`).
   * - `overloaded`: the cache is closed, or it is full and each of its `maxEntries` keys is being renewed.
   * - The reason of `signal`, if the caller aborts.
   * - A `TypeError`: the token is bound to a user, or the key or `minRemainingSeconds` is invalid.
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
   * Drops a token that the vendor refused (401), in memory and in the store. The next `get` requests a new one. If the
   * cache already has a newer token, it keeps that token.
   *
   * Resolves to whether the token was dropped. The cache drops up to five tokens of a key at once, then one in 30
   * seconds: otherwise a vendor that refuses every token would have to issue one per request. Never rejects.
   */
  readonly invalidate: (key: TokenKey, token: CacheableToken) => Promise<boolean>;
  /** Removes every token from memory. The store keeps its tokens, and waiting callers still receive theirs. */
  readonly clear: () => void;
  /** Ends every renewal, releases the leases and closes the store. Every later `get` rejects with `overloaded`. */
  readonly close: () => Promise<void>;
  /** Returns how often each event happened since the cache was created, and the size of the cache now. */
  readonly stats: () => TokenCacheStats;
}

/**
 * Creates a cache that keeps server tokens and account-bound client tokens, and renews them before they expire. Each
 * key has one renewal at a time: in this process, and across all replicas if they share a `store`. Without a `store`,
 * the cache keeps tokens only in memory.
 *
 * Throws a `TypeError` that names every invalid option.
 *
 * @example
 * ```ts
 * import { createTokenCache } from '@valetkey/token-cache';
 *
 * const cache = createTokenCache({ refreshMarginSeconds: 30, onEvent: (event) => console.log(event.type) });
 * console.log(cache.stats().entries); // 0
 * ```
 */
export function createTokenCache(options: TokenCacheOptions = {}): TokenCache {
  const settings = parseTokenCacheOptions(options);
  const { clock, onEvent, store } = settings;
  const { counters, record } = createRecorder(onEvent);
  const storeAccess = createStoreAccess({ ...settings, store, record });
  const entries = createEntryMap(settings.maxEntries, ({ key }) => record({ type: 'evict', key }));
  const running: CacheState['running'] = new Set();
  const backgroundWork: CacheState['backgroundWork'] = new Set();
  const state: CacheState = { settings, storeAccess, record, entries, running, backgroundWork, closed: false };

  function get(key: TokenKey, issue: Issue<CacheableToken>, getOptions?: GetOptions): Promise<CacheableToken> {
    // Nearly every call ends in this fast path. `obtainToken` handles the other calls and takes longer.
    const entry = entries.findByObject(key);
    if (entry?.served !== undefined) {
      const nowMs = clock.monotonicMs();
      if (nowMs < entry.servedUntilMs && (getOptions === undefined || suits(getOptions, entry.expiresAtMs - nowMs))) {
        entry.used = true;
        if (onEvent === undefined) counters.hits += 1;
        else record({ type: 'hit', key: entry.key });
        return entry.served;
      }
    }
    return obtainToken(state, key, issue, getOptions ?? {});
  }

  async function close(): Promise<void> {
    state.closed = true;
    entries.clear();
    for (const renewal of running) renewal.abandon();
    await Promise.allSettled(Array.from(running, ({ done }) => done));
    await Promise.allSettled(backgroundWork);
    await storeAccess.callDuringPause((openStore) => openStore.close());
  }

  return {
    // All tokens of a key have the same type, so a cached token has the type that this `issue` returns.
    get: get as TokenCache['get'],
    invalidate: (key, token) => reportRefusedToken(state, key, token),
    clear: entries.clear,
    close,
    stats: () => ({
      ...counters,
      entries: entries.size(),
      renewals: running.size,
      storeReachable: storeAccess.isReachable(),
    }),
  };
}

/** Returns whether a token with this much life left is enough for the caller, and the caller has not aborted. */
function suits({ signal, minRemainingSeconds }: GetOptions, remainingMs: number): boolean {
  return signal?.aborted !== true && (minRemainingSeconds === undefined || remainingMs >= minRemainingSeconds * 1000);
}
