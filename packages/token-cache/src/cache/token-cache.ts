import type { CacheableToken, TokenKey } from '@valetkey/core-types';
import type { Issue } from '../renewal/issue-once.ts';
import { createStoreDoor } from '../renewal/store-door.ts';
import type { CacheState } from './cache-state.ts';
import { createEntries } from './entries.ts';
import { createRecorder, type TokenCacheStats } from './events.ts';
import { type GetOptions, obtainToken } from './obtain-token.ts';
import { reportRefusedToken } from './refused-token.ts';
import { parseTokenCacheOptions, type TokenCacheOptions } from './token-cache-options.ts';

/** A cache that keeps machine credentials fresh. Created by {@link createTokenCache}. */
export interface TokenCache {
  /**
   * Resolves to the token of a key, with `expiresInSeconds` set to the whole seconds that it has left. A token in memory is
   * returned at once, and refreshed in the background when it is due. A missing token is issued, once for all callers.
   *
   * `issue` requests a token from the vendor. A life that is a number, or a number as text, counts from the call; any other
   * life is `defaultLifetimeSeconds`; every life is limited to `maxLifetimeSeconds`; a life of zero or less is a failure. A
   * frozen key object that is passed again is found fastest.
   *
   * Rejects with what `issue` threw, for every caller who waited for it; during the cool-down with the same failure and the
   * seconds that remain (`retryAfterSeconds`). Rejects with `vendor_timeout` if `issue` took longer than `issueTimeoutMs`;
   * `vendor_response_invalid` if its token has already expired (`token_over`), or if the vendor's tokens live for less time
   * than the caller needs (`life_too_short`); `overloaded` after {@link TokenCache.close}, or if each of `maxEntries` keys
   * is being renewed; the reason of `signal` if the caller gives up; a `TypeError` for a token that is bound to a user, and
   * for an invalid key or `minRemainingSeconds`.
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
   * Drops exactly this token, here and in the store, because the vendor refused it (401). The next `get` issues another; a
   * newer token stays. Resolves to whether the token was dropped: five reports in a row are accepted at once, then one in
   * 30 s, so that a vendor that refuses every token does not issue one per request. Never rejects.
   */
  readonly invalidate: (key: TokenKey, token: CacheableToken) => Promise<boolean>;
  /** Forgets everything in memory. The store keeps its tokens, and callers who wait still receive theirs. */
  readonly clear: () => void;
  /** Ends every renewal, gives leases back and closes the store. Every later `get` rejects with `overloaded`. */
  readonly close: () => Promise<void>;
  /** Returns the counters since the cache was created, and its size now. */
  readonly stats: () => TokenCacheStats;
}

/**
 * Creates a cache that keeps machine credentials fresh: one renewal per key at a time, in this process and, with a `store`,
 * over all replicas. Without a `store`, tokens are kept only in memory.
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
  const door = createStoreDoor({ ...settings, store, record });
  const entries = createEntries(settings.maxEntries, ({ key }) => record({ type: 'evict', key }));
  const running: CacheState['running'] = new Set();
  const afterwards: CacheState['afterwards'] = new Set();
  const state: CacheState = { settings, door, record, entries, running, afterwards, closed: false };

  function get(key: TokenKey, issue: Issue<CacheableToken>, getOptions?: GetOptions): Promise<CacheableToken> {
    // Nearly every call ends here. `obtainToken` handles all that this does not, but takes longer.
    const entry = entries.recognise(key);
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
    await Promise.allSettled(afterwards);
    await door.insist((openStore) => openStore.close());
  }

  return {
    // A key names the tokens of one vendor, so the token under it is of the type that this `issue` returns.
    get: get as TokenCache['get'],
    invalidate: (key, token) => reportRefusedToken(state, key, token),
    clear: entries.clear,
    close,
    stats: () => ({
      ...counters,
      entries: entries.size(),
      renewals: running.size,
      storeReachable: door.isReachable(),
    }),
  };
}

/** Returns whether the token that suits a caller without special needs suits this caller. */
function suits({ signal, minRemainingSeconds }: GetOptions, remainingMs: number): boolean {
  return signal?.aborted !== true && (minRemainingSeconds === undefined || remainingMs >= minRemainingSeconds * 1000);
}
