import type { Clock, Issuer } from '@valetkey/core-types';
import { createFetchBudget, type FetchBudget } from '../provider-http/fetch-budget.ts';
import { FetchFailure, type FetchDependencies } from '../provider-http/fetch-json.ts';
import { identityUnavailable, keyNotKnownYet } from '../provider-http/identity-unavailable.ts';
import { discoverJwksUri } from './discovery.ts';
import type { JwtVerifierEvent } from './key-events.ts';
import { fetchKeySet } from './fetch-key-set.ts';
import type { KeySet } from './key-set.ts';
import type { KeyQuery, KeySource, KeyStatus } from './key-source.ts';
import { findKeys } from '../signatures/verify-signature.ts';
import type { VerificationKey } from './verification-key.ts';

/** Keys are fetched again in the background at three quarters of their soft TTL, spread over the next 15 percent. */
const renewalAt = { from: 0.75, spread: 0.15 };
/** The average time between fetches, whatever callers send. The budget lets a few follow each other without this wait. */
const fetchIntervalMs = 15_000;
/** While a fetch is under way, a verification may be reused for this time before the source is asked again. */
const lookAgainMs = 1000;

/** The dependencies of {@link RemoteKeySource}. */
export interface RemoteKeySourceDependencies {
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  /** Its `signal` ends the fetch under way and prevents any other. */
  readonly http: FetchDependencies;
  readonly onEvent: (event: JwtVerifierEvent) => void;
}

/**
 * The source of keys that are fetched from the identity provider and stay in use during its outages.
 *
 * Renewal needs no timer: the verification of a token starts a fetch in the background, well before the soft TTL ends. A
 * token that arrives after the soft TTL waits for the fetch, so that a withdrawn key is not accepted for longer. After a failed
 * fetch, a token whose key is known no longer waits; the known keys remain in use up to the stale limit.
 */
export class RemoteKeySource implements KeySource {
  readonly #dependencies: RemoteKeySourceDependencies;
  readonly #budget: FetchBudget;
  readonly #softTtlMs: number;
  readonly #staleMs: number;

  #keys: readonly VerificationKey[] = [];
  /** The start of the last good fetch, not its end: a key may have been withdrawn during the fetch. */
  #fetchedAtMs = -Infinity;
  #renewalAtMs = -Infinity;
  /** Until when the keys may be used without another fetch. */
  #usableUntilMs = -Infinity;
  #fetchesStarted = 0;
  #lastGoodFetch = 0;
  #lastFailure: FetchFailure | null = null;
  /** Whether the last fetch brought the same keys as the fetch before. */
  #unchanged = false;
  /** Whether the provider has given the `kid` of a known key to another key, so that a `kid` alone identifies no key. */
  #reusesKeyIds = false;
  #jwksUri: string | undefined;
  #fetching: Promise<void> | undefined;

  constructor(dependencies: RemoteKeySourceDependencies) {
    const { issuer, clock, random } = dependencies;
    this.#dependencies = dependencies;
    this.#softTtlMs = issuer.keysSoftTtlSeconds * 1000;
    // A soft TTL that is shorter than the usual interval can only be kept with more fetches.
    const intervalMs = Math.min(fetchIntervalMs, renewalAt.from * this.#softTtlMs);
    this.#budget = createFetchBudget(clock, random, intervalMs);
    this.#staleMs = issuer.keysStaleSeconds * 1000;
    this.#jwksUri = issuer.jwksUri;
  }

  find(query: KeyQuery): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    const fetchesBefore = this.#fetchesStarted;
    const pending = this.renew();
    return pending === undefined
      ? this.#findAfterRenewal(query, fetchesBefore)
      : pending.then(() => this.#findAfterRenewal(query, fetchesBefore));
  }

  renew(): Promise<void> | undefined {
    const now = this.#dependencies.clock.monotonicMs();
    if (now < this.#renewalAtMs) return undefined;
    const pending = this.#startFetch();
    const softTtlEndsMs = this.#fetchedAtMs + this.#softTtlMs;
    if (pending !== undefined && now >= softTtlEndsMs && (this.#lastFailure === null || !this.#hasKeys())) {
      return pending;
    }
    const lookAgainAtMs =
      pending === undefined ? Math.max(now, this.#budget.nextFetchMs(this.#hasKeys())) : now + lookAgainMs;
    // Until a fetch has failed, no verification is reused past the soft TTL without a fetch.
    const endsWithSoftTtl = this.#lastFailure === null && now < softTtlEndsMs;
    this.#trustUntil(endsWithSoftTtl ? Math.min(lookAgainAtMs, softTtlEndsMs) : lookAgainAtMs);
    return undefined;
  }

  async warm(): Promise<void> {
    if (!this.#hasKeys()) await this.#startFetch();
  }

  status(): KeyStatus {
    const ageMs = this.#dependencies.clock.monotonicMs() - this.#fetchedAtMs;
    return {
      keys: this.#hasKeys() ? this.#keys.length : 0,
      ageSeconds: this.#keys.length === 0 ? null : ageMs / 1000,
      stale: this.#hasKeys() && ageMs >= this.#softTtlMs,
      lastFailure: this.#lastFailure?.reason ?? null,
      lastFailureDetail: this.#lastFailure?.detail,
    };
  }

  #hasKeys(): boolean {
    return this.#keys.length > 0 && this.#dependencies.clock.monotonicMs() < this.#usableUntilMs;
  }

  #findKnown({ algorithm, keyId, isOwnKey }: KeyQuery): readonly VerificationKey[] {
    return findKeys(this.#keys, algorithm, keyId).filter(isOwnKey);
  }

  #findAfterRenewal(
    query: KeyQuery,
    fetchesBefore: number,
  ): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    if (!this.#hasKeys()) throw this.#unavailable();
    const find = (): readonly VerificationKey[] => this.#findKnown(query);
    const found = find();
    return found.length > 0 ? found : this.#findNew(find, fetchesBefore, undefined);
  }

  async findOthers(query: KeyQuery, tried: readonly VerificationKey[]): Promise<readonly VerificationKey[]> {
    const find = (): readonly VerificationKey[] => this.#findKnown(query).filter((key) => !tried.includes(key));
    const found = find();
    if (found.length > 0) return found;
    const isOnlyKey =
      query.keyId !== undefined && tried.length === 1 && tried[0]?.id === query.keyId && !this.#reusesKeyIds;
    return this.#findNew(find, this.#fetchesStarted, isOnlyKey ? query.issuedAtSeconds : undefined);
  }

  /** Returns whether the known keys were fetched after a token had been issued, so that no newer key can have signed it. */
  #areNewerThan(issuedAtSeconds: number): boolean {
    const { issuer, clock } = this.#dependencies;
    // The clock that `iat` is compared with may have been corrected since the fetch.
    const fetchedAtMs = clock.nowMs() - (clock.monotonicMs() - this.#fetchedAtMs);
    // An `iat` usually is a whole second.
    return issuedAtSeconds + issuer.clockToleranceSeconds < Math.floor(fetchedAtMs / 1000);
  }

  /**
   * Finds a key that is not in the known set: the provider may have published it since the last fetch. Resolves to an empty
   * list if a fetch that started after the token had arrived does not find it either.
   *
   * @param issuedAtSeconds - The `iat` of a token whose `kid` identifies one known key, which did not verify the token. Then, if
   *   no fetch may start, the result is an empty list if the last fetch is later than `iat` and changed no key.
   */
  async #findNew(
    find: () => readonly VerificationKey[],
    fetchesBefore: number,
    issuedAtSeconds: number | undefined,
  ): Promise<readonly VerificationKey[]> {
    // A fetch that was already under way may have read the keys before the missing key was published: one more fetch is due.
    for (let attempt = 0; attempt < 2 && this.#lastGoodFetch <= fetchesBefore; attempt += 1) {
      const pending = this.#startFetch();
      if (pending === undefined) break;
      await pending;
      const found = find();
      if (found.length > 0) return found;
    }
    const { issuer, clock, http } = this.#dependencies;
    if (this.#lastFailure !== null || !this.#hasKeys() || http.signal.aborted) throw this.#unavailable();
    if (this.#lastGoodFetch > fetchesBefore) return [];
    if (issuedAtSeconds !== undefined && this.#unchanged && this.#areNewerThan(issuedAtSeconds)) return [];
    throw keyNotKnownYet(issuer, (this.#budget.nextFetchMs(true) - clock.monotonicMs()) / 1000);
  }

  /** Starts a fetch unless one is under way. Returns the fetch under way, or undefined if none may start. Never rejects. */
  #startFetch(): Promise<void> | undefined {
    const { http, clock } = this.#dependencies;
    const isDue = (): boolean => this.#budget.nextFetchMs(this.#hasKeys()) <= clock.monotonicMs();
    if (this.#fetching === undefined && !http.signal.aborted && isDue()) {
      this.#budget.recordStart();
      this.#fetching = this.#fetchKeys();
    }
    return this.#fetching;
  }

  async #fetchKeys(): Promise<void> {
    const { issuer, http } = this.#dependencies;
    const fetchNumber = (this.#fetchesStarted += 1);
    const startedAtMs = this.#dependencies.clock.monotonicMs();
    try {
      this.#jwksUri ??= await discoverJwksUri(issuer, http);
      this.#accept(await fetchKeySet(this.#jwksUri, this.#keys, http), startedAtMs);
      this.#lastGoodFetch = fetchNumber;
    } catch (error) {
      this.#fail(error instanceof FetchFailure ? error : new FetchFailure('internal'));
    } finally {
      this.#fetching = undefined;
    }
  }

  #accept({ keys, refused }: KeySet, startedAtMs: number): void {
    const { issuer, clock, random, onEvent } = this.#dependencies;
    const previous = this.#keys;
    for (const key of previous) key.trustedUntilMs = -Infinity;
    this.#unchanged = keys.length === previous.length && keys.every((key) => previous.includes(key));
    this.#reusesKeyIds ||= keys.some(
      ({ id, fingerprint }) =>
        id !== undefined && previous.some((known) => known.id === id && known.fingerprint !== fingerprint),
    );
    this.#keys = keys;
    this.#fetchedAtMs = startedAtMs;
    this.#usableUntilMs = clock.monotonicMs() + this.#staleMs;
    this.#renewalAtMs = this.#fetchedAtMs + this.#softTtlMs * (renewalAt.from + renewalAt.spread * random());
    this.#trustUntil(this.#renewalAtMs);
    this.#lastFailure = null;
    this.#budget.recordSuccess();
    onEvent({ type: 'keys_fetched', issuer: issuer.issuer, keys: keys.length, refused });
  }

  #fail(failure: FetchFailure): void {
    const { issuer, http, onEvent } = this.#dependencies;
    const { reason, detail } = failure;
    this.#lastFailure = failure;
    // The keys may have moved: the next fetch discovers their URL again.
    this.#jwksUri = issuer.jwksUri;
    this.#budget.recordFailure(this.#hasKeys());
    // A fetch that `close` ended says nothing about the provider.
    if (!http.signal.aborted) {
      const known = { type: 'keys_fetch_failed', issuer: issuer.issuer, reason } as const;
      onEvent(detail === undefined ? known : { ...known, detail });
    }
  }

  /** Sets the moment until which verifications are reused without asking this source. */
  #trustUntil(untilMs: number): void {
    for (const key of this.#keys) key.trustedUntilMs = Math.min(untilMs, this.#usableUntilMs);
  }

  #unavailable(): Error {
    const { issuer, clock, http } = this.#dependencies;
    const failure = http.signal.aborted ? undefined : this.#lastFailure;
    const waitMs = this.#budget.nextFetchMs(this.#hasKeys()) - clock.monotonicMs();
    return identityUnavailable(issuer, {
      reason: failure?.reason ?? 'closed',
      retryAfterSeconds: waitMs / 1000,
      advice: failure?.detail,
    });
  }
}
