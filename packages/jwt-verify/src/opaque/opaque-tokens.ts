import { ValetKeyError, type Clock, type Issuer } from '@valetkey/core-types';
import type { FetchBounds, FetchFailure } from '../provider-http/fetch-json.ts';
import { introspectToken } from './introspection.ts';
import { refuse, unavailable } from '../token/refusals.ts';
import { resolveToken } from './session-resolver.ts';
import type { JsonObject } from '../token/strict-json.ts';

/** The provider asks for time after so many failures in a row. */
const failuresBeforePause = 3;
const longestPauseMs = 15_000;
const maximumConcurrent = 64;
const maximumInactive = 10_000;

/** Looks a token up at the provider that issued it. Answers its claims; rejects with a `FetchFailure` alone. */
export type LookUpToken = (token: string, bounds: FetchBounds) => Promise<JsonObject | undefined>;

/** The way to a principal for tokens that are not JWTs. */
export interface OpaqueTokens {
  readonly issuer: Issuer;
  /** Seconds that an answer serves. */
  readonly cacheSeconds: number;
  readonly lookUp: (token: string) => Promise<JsonObject>;
}

/** What looking up works with. */
export interface OpaqueTokensOptions {
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: FetchBounds;
}

function chooseLookUp({ introspection, resolver, issuer }: Issuer): readonly [LookUpToken, number] | undefined {
  if (introspection !== undefined) {
    return [(token, bounds) => introspectToken(introspection, token, bounds), introspection.cacheSeconds];
  }
  if (resolver === undefined) return undefined;
  return [(token, bounds) => resolveToken(issuer, resolver, token, bounds), resolver.cacheSeconds];
}

/** Bounded look-ups at one provider; `undefined` for an issuer whose record names no place to look. */
export function createOpaqueTokens({ issuer, clock, random, bounds }: OpaqueTokensOptions): OpaqueTokens | undefined {
  const chosen = chooseLookUp(issuer);
  if (chosen === undefined) return undefined;
  const [lookUp, cacheSeconds] = chosen;
  const inactiveUntilMs = new Map<string, number>();
  let running = 0;
  let failures = 0;
  let pauseEndsMs = -Infinity;

  const inactive = (): Error =>
    refuse('inactive', 'The identity provider says that the token is not active.', 'Sign in again for a fresh token.');

  const rememberInactive = (token: string): void => {
    if (inactiveUntilMs.size >= maximumInactive) inactiveUntilMs.clear();
    inactiveUntilMs.set(token, clock.monotonicMs() + cacheSeconds * 1000);
  };

  const countFailure = ({ reason }: FetchFailure): Error => {
    failures += 1;
    const doublings = failures - failuresBeforePause;
    if (doublings >= 0) {
      pauseEndsMs = clock.monotonicMs() + random() * Math.min(longestPauseMs, 1000 * 2 ** doublings);
    }
    return unavailable(issuer, reason, (pauseEndsMs - clock.monotonicMs()) / 1000);
  };

  const ask = async (token: string): Promise<JsonObject> => {
    running += 1;
    let claims: JsonObject | undefined;
    try {
      claims = await lookUp(token, bounds);
      failures = 0;
    } catch (error) {
      throw countFailure(error as FetchFailure);
    } finally {
      running -= 1;
    }
    if (claims !== undefined) return claims;
    rememberInactive(token);
    throw inactive();
  };

  return {
    issuer,
    cacheSeconds,
    lookUp: async (token) => {
      const now = clock.monotonicMs();
      if ((inactiveUntilMs.get(token) ?? -Infinity) > now) throw inactive();
      if (now < pauseEndsMs) throw unavailable(issuer, 'pause', (pauseEndsMs - now) / 1000);
      if (running >= maximumConcurrent) {
        throw new ValetKeyError('overloaded', 'Too many tokens are being looked up.', { retryAfterSeconds: 1 });
      }
      return ask(token);
    },
  };
}
