import type { Clock, Issuer } from '@valetkey/core-types';
import { createFetchBudget, type FetchBudget } from '../provider-http/fetch-budget.ts';
import { FetchFailure, fetchJson, type FetchBounds } from '../provider-http/fetch-json.ts';
import { identityUnavailable } from '../provider-http/identity-unavailable.ts';
import { discoverJwksUri } from './discovery.ts';
import type { JwtVerifierEvent } from './key-events.ts';
import { parseKeySet, type KeySet } from './key-set.ts';
import type { KeySource, KeyStatus } from './key-source.ts';
import { findKeys } from './signature.ts';
import type { VerificationKey } from './verification-key.ts';

/** Keys are fetched again in the background at three quarters of their soft TTL, spread over the next 15 percent. */
const refreshAt = { from: 0.75, spread: 0.15 };
const unknownKeyMs = 30_000;
const maxUnknownKeys = 1000;
/** How long a verification may be reused while a fetch is under way, before the outcome of the fetch is considered. */
const lookAgainMs = 1000;

/** What a remote key source works with. */
export interface RemoteKeySourceDependencies {
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  /** Its signal ends the fetch under way and prevents any other. */
  readonly bounds: FetchBounds;
  readonly onEvent: (event: JwtVerifierEvent) => void;
}

/**
 * The source of keys that are fetched from the identity provider and outlive its outages.
 *
 * Renewal needs no timer: the verification of a token starts it, in the background well before the soft TTL. After the
 * soft TTL the caller waits for it, so that a withdrawn key is never accepted for longer. Once a fetch has failed, no
 * caller waits any more, and the known keys remain in use up to the stale limit.
 */
export class RemoteKeySource implements KeySource {
  readonly #dependencies: RemoteKeySourceDependencies;
  readonly #budget: FetchBudget;
  readonly #softTtlMs: number;
  readonly #staleMs: number;
  /** The `kid`s that the provider does not publish, and when that was found out (monotonic clock). */
  readonly #unknownKeys = new Map<string, number>();

  #keys: readonly VerificationKey[] = [];
  #fetchedAtMs = -Infinity;
  #refreshAtMs = -Infinity;
  #fetchesStarted = 0;
  #lastGoodFetch = 0;
  #lastFailure: string | null = null;
  #jwksUri: string | undefined;
  #fetching: Promise<void> | undefined;

  constructor(dependencies: RemoteKeySourceDependencies) {
    const { issuer, clock, random } = dependencies;
    this.#dependencies = dependencies;
    this.#budget = createFetchBudget(clock, random);
    this.#softTtlMs = issuer.keysSoftTtlSeconds * 1000;
    this.#staleMs = issuer.keysStaleSeconds * 1000;
    this.#jwksUri = issuer.jwksUri;
  }

  find(algorithm: string, keyId: string | undefined): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    const fetchesBefore = this.#fetchesStarted;
    const pending = this.renew();
    return pending === undefined
      ? this.#look(algorithm, keyId, fetchesBefore)
      : pending.then(() => this.#look(algorithm, keyId, fetchesBefore));
  }

  renew(): Promise<void> | undefined {
    const now = this.#dependencies.clock.monotonicMs();
    if (now < this.#refreshAtMs) return undefined;
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
      lastFailure: this.#lastFailure,
    };
  }

  #hasKeys(): boolean {
    return this.#keys.length > 0 && this.#dependencies.clock.monotonicMs() < this.#fetchedAtMs + this.#staleMs;
  }

  #look(
    algorithm: string,
    keyId: string | undefined,
    fetchesBefore: number,
  ): readonly VerificationKey[] | Promise<readonly VerificationKey[]> {
    if (!this.#hasKeys()) throw this.#unavailable();
    const found = findKeys(this.#keys, algorithm, keyId);
    if (found.length > 0 || (keyId !== undefined && this.#isUnknown(keyId))) return found;
    return this.#lookFurther(algorithm, keyId, fetchesBefore);
  }

  /** Looks for a key that the known set does not hold: the provider may have published it since. */
  async #lookFurther(
    algorithm: string,
    keyId: string | undefined,
    fetchesBefore: number,
  ): Promise<readonly VerificationKey[]> {
    // A fetch that was already under way may have read the keys before this one was published. In that case one more fetch is due.
    for (let attempt = 0; attempt < 2 && this.#lastGoodFetch <= fetchesBefore; attempt += 1) {
      const pending = this.#startFetch();
      if (pending === undefined) break;
      await pending;
      const found = findKeys(this.#keys, algorithm, keyId);
      if (found.length > 0) return found;
    }
    if (this.#lastFailure !== null || !this.#hasKeys()) throw this.#unavailable();
    if (keyId !== undefined) this.#rememberUnknown(keyId);
    return [];
  }

  #isUnknown(keyId: string): boolean {
    const foundOutAtMs = this.#unknownKeys.get(keyId);
    return foundOutAtMs !== undefined && this.#dependencies.clock.monotonicMs() < foundOutAtMs + unknownKeyMs;
  }

  #rememberUnknown(keyId: string): void {
    if (this.#unknownKeys.size >= maxUnknownKeys) this.#unknownKeys.clear();
    this.#unknownKeys.set(keyId, this.#dependencies.clock.monotonicMs());
  }

  /** Returns the fetch under way, or undefined where none may start. One fetch at a time; it never rejects. */
  #startFetch(): Promise<void> | undefined {
    const { bounds, clock } = this.#dependencies;
    const isDue = (): boolean => this.#budget.nextFetchMs(this.#hasKeys()) <= clock.monotonicMs();
    if (this.#fetching === undefined && !bounds.signal.aborted && isDue()) {
      this.#budget.started();
      this.#fetching = this.#fetchKeys();
    }
    return this.#fetching;
  }

  async #fetchKeys(): Promise<void> {
    const { issuer, bounds } = this.#dependencies;
    const fetchNumber = (this.#fetchesStarted += 1);
    try {
      this.#jwksUri ??= await discoverJwksUri(issuer, bounds);
      const keySet = parseKeySet(await fetchJson(this.#jwksUri, {}, bounds), this.#keys);
      if (keySet === undefined) throw new FetchFailure('not_a_key_set');
      // A set without one usable key counts as a mistake of the provider: the known keys remain in use.
      if (keySet.keys.length === 0) throw new FetchFailure('no_usable_keys');
      this.#accept(keySet);
      this.#lastGoodFetch = fetchNumber;
    } catch (error) {
      this.#fail(error instanceof FetchFailure ? error.reason : 'internal');
    } finally {
      this.#fetching = undefined;
    }
  }

  #accept({ keys, refused }: KeySet): void {
    const { issuer, clock, random, onEvent } = this.#dependencies;
    for (const key of this.#keys) key.trustedUntilMs = -Infinity;
    this.#keys = keys;
    this.#fetchedAtMs = clock.monotonicMs();
    this.#refreshAtMs = this.#fetchedAtMs + this.#softTtlMs * (refreshAt.from + refreshAt.spread * random());
    this.#trustUntil(this.#refreshAtMs);
    this.#lastFailure = null;
    this.#unknownKeys.clear();
    this.#budget.succeeded();
    onEvent({ type: 'keys_fetched', issuer: issuer.issuer, keys: keys.length, refused });
  }

  #fail(reason: string): void {
    const { issuer, bounds, onEvent } = this.#dependencies;
    this.#lastFailure = reason;
    // The keys may have moved: the next fetch discovers their URL again.
    this.#jwksUri = issuer.jwksUri;
    this.#budget.failed(this.#hasKeys());
    // A fetch that `close` ended says nothing about the provider.
    if (!bounds.signal.aborted) onEvent({ type: 'keys_fetch_failed', issuer: issuer.issuer, reason });
  }

  /** Sets until when verifications are reused without asking this source. */
  #trustUntil(moment: number): void {
    for (const key of this.#keys) key.trustedUntilMs = Math.min(moment, this.#fetchedAtMs + this.#staleMs);
  }

  #unavailable(): Error {
    const { issuer, clock, bounds } = this.#dependencies;
    const reason = bounds.signal.aborted ? 'closed' : (this.#lastFailure ?? 'fetch_budget');
    const waitMs = this.#budget.nextFetchMs(this.#hasKeys()) - clock.monotonicMs();
    return identityUnavailable(issuer, reason, waitMs / 1000);
  }
}
