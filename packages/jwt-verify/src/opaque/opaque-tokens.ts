import { ValetKeyError, type Clock, type Issuer } from '@valetkey/core-types';
import type { FetchBounds, FetchFailure } from '../provider-http/fetch-json.ts';
import { identityUnavailable } from '../provider-http/identity-unavailable.ts';
import { refuse } from '../token/refusals.ts';
import type { JsonObject } from '../token/token-text.ts';
import { introspectToken } from './introspection.ts';
import { resolveToken } from './session-resolver.ts';

/** After this many failures in a row, the provider is not called for a while. */
const failuresBeforePause = 3;
const maxPauseMs = 15_000;
const maxConcurrent = 64;
const maxInactive = 10_000;

/** Resolves to a token's claims, or to undefined where it is not active. Rejects only with a `FetchFailure`. */
type LookUp = (token: string, bounds: FetchBounds) => Promise<JsonObject | undefined>;

/** Turns tokens that are not JWTs into claims. */
export interface OpaqueTokens {
  readonly issuer: Issuer;
  /** Seconds that a response of the provider may be reused. */
  readonly cacheSeconds: number;
  /**
   * Resolves to the claims of a token.
   *
   * @throws {ValetKeyError} `invalid_token` where the token is not active, `identity_unavailable`, `overloaded`.
   */
  readonly lookUp: (token: string) => Promise<JsonObject>;
}

/** What looking up opaque tokens works with. */
export interface OpaqueTokensDependencies {
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** Returns a number from 0 up to 1. */
  readonly random: () => number;
  readonly bounds: FetchBounds;
}

function chooseLookUp({ introspection, resolver, issuer }: Issuer): readonly [LookUp, number] | undefined {
  if (introspection !== undefined) {
    return [(token, bounds) => introspectToken(introspection, token, bounds), introspection.cacheSeconds];
  }
  if (resolver === undefined) return undefined;
  return [(token, bounds) => resolveToken(issuer, resolver, token, bounds), resolver.cacheSeconds];
}

/** Creates a bounded memory of tokens that the provider called inactive. */
function createInactiveTokens(clock: Clock, cacheSeconds: number) {
  const untilMs = new Map<string, number>();
  return {
    has: (token: string): boolean => (untilMs.get(token) ?? -Infinity) > clock.monotonicMs(),
    add: (token: string): void => {
      if (untilMs.size >= maxInactive) untilMs.clear();
      untilMs.set(token, clock.monotonicMs() + cacheSeconds * 1000);
    },
  };
}

/** Creates the pause after failures in a row: a random time below a bound that doubles. */
function createPause({ clock, random }: OpaqueTokensDependencies) {
  let failures = 0;
  let endsAtMs = -Infinity;
  return {
    /** Milliseconds until the pause ends; not positive where there is none. */
    remainingMs: (): number => endsAtMs - clock.monotonicMs(),
    succeeded: (): void => {
      failures = 0;
    },
    failed: (): void => {
      failures += 1;
      const doublings = failures - failuresBeforePause;
      if (doublings >= 0) {
        endsAtMs = clock.monotonicMs() + random() * Math.min(maxPauseMs, 1000 * 2 ** doublings);
      }
    },
  };
}

/** Creates the bounded look-ups at one provider, or returns undefined for an issuer that has none. */
export function createOpaqueTokens(dependencies: OpaqueTokensDependencies): OpaqueTokens | undefined {
  const { issuer, clock, bounds } = dependencies;
  const chosen = chooseLookUp(issuer);
  if (chosen === undefined) return undefined;
  const [lookUp, cacheSeconds] = chosen;
  const inactiveTokens = createInactiveTokens(clock, cacheSeconds);
  const pause = createPause(dependencies);
  let running = 0;

  const callProvider = async (token: string): Promise<JsonObject | undefined> => {
    running += 1;
    try {
      const claims = await lookUp(token, bounds);
      pause.succeeded();
      return claims;
    } catch (error) {
      pause.failed();
      throw identityUnavailable(issuer, (error as FetchFailure).reason, pause.remainingMs() / 1000);
    } finally {
      running -= 1;
    }
  };

  return {
    issuer,
    cacheSeconds,
    lookUp: async (token) => {
      if (inactiveTokens.has(token)) throw inactive();
      const pauseMs = pause.remainingMs();
      if (pauseMs > 0) throw identityUnavailable(issuer, 'pause', pauseMs / 1000);
      if (running >= maxConcurrent) {
        throw new ValetKeyError('overloaded', 'Too many tokens are being looked up.', { retryAfterSeconds: 1 });
      }
      const claims = await callProvider(token);
      if (claims !== undefined) return claims;
      inactiveTokens.add(token);
      throw inactive();
    },
  };
}

function inactive(): Error {
  return refuse('inactive', 'The identity provider reports the token as not active.', 'Sign in again for a new token.');
}
