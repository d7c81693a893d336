import type { Clock, Issuer } from '@valetkey/core-types';
import { discoverJwksUri } from './discovery.ts';
import type { JwtVerifierEvent } from './key-events.ts';
import { createFetchBudget } from '../provider-http/fetch-budget.ts';
import { FetchFailure, fetchJson, type FetchBounds } from '../provider-http/fetch-json.ts';
import { findKeys, readKeySet, type KeySet } from './key-set.ts';
import type { KeySource, KeyStatus } from './key-source.ts';
import { unavailable } from '../token/refusals.ts';
import type { VerificationKey } from './verification-key.ts';

/** Keys are fetched again in the background from three quarters of their soft TTL on, spread over the next 15 %. */
const refreshAt = { from: 0.75, spread: 0.15 };
const unknownKeyMs = 30_000;
const maximumUnknownKeys = 1000;
/** How long a verification may be reused while a fetch is under way, before its outcome is looked at. */
const lookAgainMs = 1000;

/** What a remote key source works with. */
export interface RemoteKeySourceOptions {
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly random: () => number;
  /** Its signal ends fetching for good. */
  readonly bounds: FetchBounds;
  readonly onEvent: (event: JwtVerifierEvent) => void;
}

/**
 * Keys fetched from the identity provider, and kept through its outages.
 *
 * Renewal needs no timer: whoever verifies a token starts it, in the background well before the soft TTL. After the
 * soft TTL a caller waits for it, so that a withdrawn key is never accepted longer; once a fetch has failed, nobody
 * waits and the known keys serve on, up to the stale limit.
 */
export function createRemoteKeySource(options: RemoteKeySourceOptions): KeySource {
  const { issuer, clock, random, bounds, onEvent } = options;
  const softTtlMs = issuer.keysSoftTtlSeconds * 1000;
  const staleMs = issuer.keysStaleSeconds * 1000;
  const budget = createFetchBudget(clock, random);
  const unknownKeys = new Map<string, number>();

  let keys: readonly VerificationKey[] = [];
  let fetchedAtMs = -Infinity;
  let refreshAtMs = -Infinity;
  let fetchesStarted = 0;
  let lastGoodFetch = 0;
  let lastFailure: string | null = null;
  let jwksUri = issuer.jwksUri;
  let fetching: Promise<void> | undefined;

  const hasKeys = (): boolean => keys.length > 0 && clock.monotonicMs() < fetchedAtMs + staleMs;

  const mayFetch = (): boolean => !bounds.signal.aborted && budget.nextFetchMs(hasKeys()) <= clock.monotonicMs();

  const unavailableNow = (): Error =>
    unavailable(
      issuer,
      bounds.signal.aborted ? 'closed' : (lastFailure ?? 'fetch_budget'),
      (budget.nextFetchMs(hasKeys()) - clock.monotonicMs()) / 1000,
    );

  /** Says until when verified tokens pass without asking here again. */
  const trustUntil = (moment: number): void => {
    for (const key of keys) key.trustedUntilMs = Math.min(moment, fetchedAtMs + staleMs);
  };

  const accept = ({ keys: next, refused }: KeySet): void => {
    for (const key of keys) key.trustedUntilMs = -Infinity;
    keys = next;
    fetchedAtMs = clock.monotonicMs();
    refreshAtMs = fetchedAtMs + softTtlMs * (refreshAt.from + refreshAt.spread * random());
    trustUntil(refreshAtMs);
    lastFailure = null;
    unknownKeys.clear();
    budget.succeeded();
    onEvent({ type: 'keys_fetched', issuer: issuer.issuer, keys: keys.length, refused });
  };

  const fetchKeys = async (): Promise<void> => {
    const fetchNumber = (fetchesStarted += 1);
    try {
      jwksUri ??= await discoverJwksUri(issuer, bounds);
      const keySet = readKeySet(await fetchJson(jwksUri, {}, bounds), keys);
      if (keySet === undefined) throw new FetchFailure('not_a_key_set');
      // A set without one usable key is taken for a mistake of the provider: what is known serves on, within its limit.
      if (keySet.keys.length === 0) throw new FetchFailure('no_usable_keys');
      accept(keySet);
      lastGoodFetch = fetchNumber;
    } catch (error) {
      lastFailure = error instanceof FetchFailure ? error.reason : 'internal';
      jwksUri = issuer.jwksUri;
      budget.failed(hasKeys());
      onEvent({ type: 'keys_fetch_failed', issuer: issuer.issuer, reason: lastFailure });
    } finally {
      fetching = undefined;
    }
  };

  /** One fetch at a time; `undefined` where none is under way and none may begin. Never rejects. */
  const startFetch = (): Promise<void> | undefined => {
    if (fetching === undefined && mayFetch()) {
      budget.started();
      fetching = fetchKeys();
    }
    return fetching;
  };

  const renew = (): Promise<void> | undefined => {
    const now = clock.monotonicMs();
    if (now < refreshAtMs) return undefined;
    const pending = startFetch();
    const pastSoftTtl = now >= fetchedAtMs + softTtlMs;
    if (pending !== undefined && pastSoftTtl && (lastFailure === null || !hasKeys())) return pending;
    const lookAt = pending === undefined ? Math.max(now, budget.nextFetchMs(hasKeys())) : now + lookAgainMs;
    trustUntil(lastFailure === null && !pastSoftTtl ? Math.min(lookAt, fetchedAtMs + softTtlMs) : lookAt);
    return undefined;
  };

  const isKnownToBeUnknown = (keyId: string): boolean => {
    const seenAtMs = unknownKeys.get(keyId);
    return seenAtMs !== undefined && clock.monotonicMs() < seenAtMs + unknownKeyMs;
  };

  const rememberUnknown = (keyId: string): void => {
    if (unknownKeys.size >= maximumUnknownKeys) unknownKeys.clear();
    unknownKeys.set(keyId, clock.monotonicMs());
  };

  const findUnknown = async (
    algorithm: string,
    keyId: string | undefined,
    fetchesBefore: number,
  ): Promise<readonly VerificationKey[]> => {
    const isToldSince = (): boolean => lastGoodFetch > fetchesBefore;
    // A fetch that was already under way may have read the keys before this one was published: then one more is due.
    for (let attempt = 0; attempt < 2 && !isToldSince(); attempt += 1) {
      const pending = startFetch();
      if (pending === undefined) break;
      await pending;
      const found = findKeys(keys, algorithm, keyId);
      if (found.length > 0) return found;
    }
    if (lastFailure !== null || !hasKeys()) throw unavailableNow();
    if (keyId !== undefined) rememberUnknown(keyId);
    return [];
  };

  return {
    find: (algorithm, keyId) => {
      const fetchesBefore = fetchesStarted;
      const look = (): readonly VerificationKey[] | Promise<readonly VerificationKey[]> => {
        if (!hasKeys()) throw unavailableNow();
        const found = findKeys(keys, algorithm, keyId);
        if (found.length > 0 || (keyId !== undefined && isKnownToBeUnknown(keyId))) return found;
        return findUnknown(algorithm, keyId, fetchesBefore);
      };
      const pending = renew();
      return pending === undefined ? look() : pending.then(look);
    },
    renew,
    warm: async () => {
      if (!hasKeys()) await startFetch();
    },
    status: (): KeyStatus => ({
      keys: hasKeys() ? keys.length : 0,
      ageSeconds: keys.length === 0 ? null : (clock.monotonicMs() - fetchedAtMs) / 1000,
      stale: hasKeys() && clock.monotonicMs() >= fetchedAtMs + softTtlMs,
      lastFailure,
    }),
  };
}
