import { ValetKeyError, type Clock, type Issuer } from '@valetkey/core-types';
import type { FetchDependencies, FetchFailure } from '../provider-http/fetch-json.ts';
import { identityUnavailable } from '../provider-http/identity-unavailable.ts';
import { invalidToken } from '../token/invalid-token.ts';
import type { JsonObject } from '../token/token-text.ts';
import { introspectToken } from './introspection.ts';
import { resolveToken } from './authgear-resolver.ts';

/** The number of failures in a row after which the provider is not called for a while. */
const failuresBeforePause = 3;
const maxPauseMs = 15_000;
const maxConcurrentCalls = 64;
const maxInactiveTokens = 10_000;

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
}

/** The dependencies of {@link createOpaqueTokens}. */
export interface OpaqueTokensDependencies {
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  readonly http: FetchDependencies;
}

function chooseLookUp({ introspection, resolver, issuer }: Issuer): readonly [LookUp, number] | undefined {
  if (introspection !== undefined) {
    return [(token, http) => introspectToken(introspection, token, http), introspection.cacheSeconds];
  }
  if (resolver === undefined) return undefined;
  return [(token, http) => resolveToken(issuer, resolver, token, http), resolver.cacheSeconds];
}

/** Creates a bounded memory of tokens that the provider has reported as not active. */
function createInactiveTokens(clock: Clock, cacheSeconds: number) {
  const untilMs = new Map<string, number>();
  return {
    has: (token: string): boolean => (untilMs.get(token) ?? -Infinity) > clock.monotonicMs(),
    add: (token: string): void => {
      if (untilMs.size >= maxInactiveTokens) untilMs.clear();
      untilMs.set(token, clock.monotonicMs() + cacheSeconds * 1000);
    },
  };
}

/** Creates the pause after failures in a row: a random time below a bound that doubles. */
function createPause({ clock, random }: OpaqueTokensDependencies) {
  let failures = 0;
  let endsAtMs = -Infinity;
  return {
    /** Returns the milliseconds until the pause ends. The result is not positive if there is no pause. */
    remainingMs: (): number => endsAtMs - clock.monotonicMs(),
    recordSuccess: (): void => {
      failures = 0;
    },
    recordFailure: (): void => {
      failures += 1;
      const doublings = failures - failuresBeforePause;
      if (doublings >= 0) {
        endsAtMs = clock.monotonicMs() + random() * Math.min(maxPauseMs, 1000 * 2 ** doublings);
      }
    },
  };
}

/** Creates the look-up of opaque tokens at an issuer. Returns undefined if the issuer has no introspection and no resolver. */
export function createOpaqueTokens(dependencies: OpaqueTokensDependencies): OpaqueTokens | undefined {
  const { issuer, clock, http } = dependencies;
  const chosen = chooseLookUp(issuer);
  if (chosen === undefined) return undefined;
  const [lookUp, cacheSeconds] = chosen;
  const inactiveTokens = createInactiveTokens(clock, cacheSeconds);
  const pause = createPause(dependencies);
  let callsUnderWay = 0;

  const callProvider = async (token: string): Promise<JsonObject | undefined> => {
    callsUnderWay += 1;
    try {
      const claims = await lookUp(token, http);
      pause.recordSuccess();
      return claims;
    } catch (error) {
      pause.recordFailure();
      const { reason } = error as FetchFailure;
      throw identityUnavailable(issuer, { reason, retryAfterSeconds: pause.remainingMs() / 1000 });
    } finally {
      callsUnderWay -= 1;
    }
  };

  return {
    issuer,
    cacheSeconds,
    lookUp: async (token) => {
      if (inactiveTokens.has(token)) throw inactiveToken();
      const pauseMs = pause.remainingMs();
      if (pauseMs > 0) throw identityUnavailable(issuer, { reason: 'pause', retryAfterSeconds: pauseMs / 1000 });
      if (callsUnderWay >= maxConcurrentCalls) {
        throw new ValetKeyError('overloaded', 'Too many opaque tokens are being looked up.', { retryAfterSeconds: 1 });
      }
      const claims = await callProvider(token);
      if (claims !== undefined) return claims;
      inactiveTokens.add(token);
      throw inactiveToken();
    },
  };
}

function inactiveToken(): Error {
  return invalidToken(
    'inactive',
    'The identity provider reports the token as not active.',
    'Sign in again for a new token.',
  );
}
