import { createHash } from 'node:crypto';
import { ValetKeyError, type Clock, type Issuer } from '@valetkey/core-types';
import type { JwtVerifierEvent } from '../keys/key-events.ts';
import type { FetchDependencies, FetchFailure } from '../provider-http/fetch-json.ts';
import { identityUnavailable } from '../provider-http/identity-unavailable.ts';
import { invalidToken } from '../token/invalid-token.ts';
import type { JsonObject } from '../token/token-text.ts';
import { introspectToken } from './introspection.ts';
import { resolveToken } from './authgear-resolver.ts';
import { createPlaces } from './places.ts';

/** The failures in a row after which the provider is not called for a while: of tokens accepted before, and of all others. */
const failuresBeforePause = 3;
const maxPauseMs = 15_000;
/** The calls under way at one time, and those that wait, for tokens accepted before; and as many for all others. */
const maxCalls = { underWay: 64, waiting: 256 };
const maxRememberedTokens = 10_000;
/** A refusal is remembered for no longer than this, because the provider may not know a new token everywhere at once. */
const maxRefusedSeconds = 10;

/** Resolves to a token's claims, or to undefined if the token is not active. Rejects only with a `FetchFailure`. */
type LookUp = (token: string, http: FetchDependencies) => Promise<JsonObject | undefined>;

/** Looks up opaque tokens at an identity provider. */
export interface OpaqueTokens {
  readonly issuer: Issuer;
  /** Seconds for which a response of the provider may be reused. */
  readonly cacheSeconds: number;
  /**
   * Resolves to the claims of a token.
   *
   * @throws {ValetKeyError} `invalid_token` if the token is not active; `identity_unavailable`; `overloaded`.
   */
  readonly lookUp: (token: string) => Promise<JsonObject>;
  /** Remembers the outcome of a verification: absent, the token was accepted with these claims; otherwise, why not. */
  readonly recordOutcome: (token: string, claims: JsonObject, refusal?: unknown) => void;
}

/** The dependencies of {@link createOpaqueTokens}. */
export interface OpaqueTokensDependencies {
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  readonly http: FetchDependencies;
  readonly onEvent: (event: JwtVerifierEvent) => void;
}

function chooseLookUp({ introspection, resolver, issuer }: Issuer): readonly [LookUp, number] | undefined {
  if (introspection !== undefined) {
    return [(token, http) => introspectToken(introspection, token, http), introspection.cacheSeconds];
  }
  if (resolver === undefined) return undefined;
  return [(token, http) => resolveToken(issuer, resolver, token, http), resolver.cacheSeconds];
}

/** Creates a memory of the latest tokens, by a digest: tokens may be long, and callers may send many unknown ones. */
function createTokenMemory<Value>() {
  const values = new Map<string, Value>();
  const keyOf = (token: string): string => createHash('sha256').update(token).digest('base64url');
  return {
    get: (token: string): Value | undefined => values.get(keyOf(token)),
    delete: (token: string): void => {
      values.delete(keyOf(token));
    },
    set: (token: string, value: Value): void => {
      const key = keyOf(token);
      values.delete(key);
      values.set(key, value);
      const [oldest = key] = values.keys();
      if (values.size > maxRememberedTokens) values.delete(oldest);
    },
  };
}

/** A token that was refused a moment ago. */
interface RefusedToken {
  /** Absent if the provider reported the token as not active. */
  readonly claims: JsonObject | undefined;
  readonly untilMs: number;
}

type Pause = ReturnType<typeof createPause>;

/** Creates the pause after failures in a row: a random time below a bound that doubles. */
function createPause({ clock, random }: OpaqueTokensDependencies) {
  let failures = 0;
  let endsAtMs = -Infinity;
  return {
    /** Returns the milliseconds until the pause ends. The result is not positive if there is no pause. */
    remainingMs: (): number => endsAtMs - clock.monotonicMs(),
    /** Returns whether this is the first success after a failure. */
    recordSuccess: (): boolean => {
      const isFirst = failures > 0;
      failures = 0;
      return isFirst;
    },
    /** Returns whether this is the first of several failures in a row. */
    recordFailure: (): boolean => {
      failures += 1;
      const doublings = failures - failuresBeforePause;
      if (doublings >= 0) {
        endsAtMs = clock.monotonicMs() + random() * Math.min(maxPauseMs, 1000 * 2 ** doublings);
      }
      return failures === 1;
    },
  };
}

/** Creates the look-up of opaque tokens at an issuer. Returns undefined if the issuer has no introspection and no resolver. */
export function createOpaqueTokens(dependencies: OpaqueTokensDependencies): OpaqueTokens | undefined {
  const { issuer, clock, http, onEvent } = dependencies;
  const chosen = chooseLookUp(issuer);
  if (chosen === undefined) return undefined;
  const [lookUp, cacheSeconds] = chosen;
  const refusedTokens = createTokenMemory<RefusedToken>();
  const acceptedTokens = createTokenMemory<true>();
  const createLane = () => ({ places: createPlaces(maxCalls), pause: createPause(dependencies) });
  // Unknown tokens that are many, or on which the provider fails, must not delay tokens that were accepted before.
  const lanes = { accepted: createLane(), others: createLane() };

  const refusalOf = (token: string): RefusedToken | undefined => {
    const refused = refusedTokens.get(token);
    return refused !== undefined && clock.monotonicMs() < refused.untilMs ? refused : undefined;
  };
  /** Remembers a refusal. Another look at a remembered one does not prolong it. */
  const remember = (token: string, claims: JsonObject | undefined): void => {
    acceptedTokens.delete(token);
    if (refusalOf(token) !== undefined) return;
    const seconds = Math.min(maxRefusedSeconds, cacheSeconds);
    refusedTokens.set(token, { claims, untilMs: clock.monotonicMs() + seconds * 1000 });
  };

  const callProvider = async (token: string, pause: Pause): Promise<JsonObject | undefined> => {
    const pauseMs = pause.remainingMs();
    if (pauseMs > 0) throw identityUnavailable(issuer, { reason: 'pause', retryAfterSeconds: pauseMs / 1000 });
    try {
      const claims = await lookUp(token, http);
      if (pause.recordSuccess()) onEvent({ type: 'look_ups_recovered', issuer: issuer.issuer });
      return claims;
    } catch (error) {
      const { reason, detail: advice } = error as FetchFailure;
      // A call that `close` ended says nothing about the provider.
      if (pause.recordFailure() && !http.signal.aborted)
        onEvent({ type: 'look_ups_failed', issuer: issuer.issuer, reason });
      throw identityUnavailable(issuer, { reason, advice, retryAfterSeconds: pause.remainingMs() / 1000 });
    }
  };

  return {
    issuer,
    cacheSeconds,
    lookUp: async (token) => {
      const { places, pause } = acceptedTokens.get(token) === undefined ? lanes.others : lanes.accepted;
      const { claims } = refusalOf(token) ?? { claims: await places.run(() => callProvider(token, pause)) };
      if (claims !== undefined) return claims;
      remember(token, undefined);
      throw inactiveToken();
    },
    recordOutcome: (token, claims, refusal) => {
      if (refusal === undefined) acceptedTokens.set(token, true);
      else if (isInvalidToken(refusal) && !startsLater(claims, clock.nowMs() / 1000)) remember(token, claims);
    },
  };
}

/** Returns whether an error is about the token itself, and not about the provider. */
function isInvalidToken(error: unknown): boolean {
  return ValetKeyError.isInstance(error) && error.code === 'invalid_token';
}

/** Returns whether a token that is refused now may become valid by itself. */
function startsLater({ nbf, iat }: JsonObject, nowSeconds: number): boolean {
  return [nbf, iat].some((date) => typeof date === 'number' && date > nowSeconds);
}

function inactiveToken(): Error {
  return invalidToken(
    'inactive',
    'The identity provider reports the token as not active.',
    'Sign in again for a new token.',
  );
}
