import { ValetKeyError, type Clock } from '@valetkey/core-types';
import { LRUCache } from 'lru-cache';
import { principalKey } from '../identity/identify.ts';
import type { PrincipalId } from '../storage/store.ts';

/** The limits for the callers of one principal together. An absent limit is not enforced. */
export interface CallerLimitOptions {
  readonly requestsPerMinute?: number | undefined;
  readonly concurrentProxyCalls?: number | undefined;
}

/** Limits how much the callers of one principal may use of this broker. */
export interface CallerLimits {
  /** Counts a request for the principal. Throws `rate_limited` if the limit is exceeded. Absent if requests are not limited. */
  readonly assertWithinRate: ((principal: PrincipalId) => void) | undefined;
  /** Counts a proxied call as running until the returned function is called. Throws `rate_limited` if too many are running. */
  readonly enterProxyCall: (principal: PrincipalId) => () => void;
}

/** The most principals whose requests are remembered. A forgotten principal may use its whole allowance again. */
const maxPrincipals = 100_000;

/** Creates the limits of this process. Several brokers that serve the same principals count separately. */
export function createCallerLimits(options: CallerLimitOptions, clock: Clock): CallerLimits {
  const { requestsPerMinute, concurrentProxyCalls } = options;
  return {
    assertWithinRate: requestsPerMinute === undefined ? undefined : createRateLimit(requestsPerMinute, clock),
    enterProxyCall: concurrentProxyCalls === undefined ? () => () => undefined : createCallLimit(concurrentProxyCalls),
  };
}

/** More than the rounding errors of a sum of fractions, and less than any wait that matters. */
const roundingMs = 0.001;

/**
 * Limits requests by the generic cell rate algorithm. A principal may send a whole minute's requests at once; after that, one
 * more request is allowed each `spacingMs`.
 */
function createRateLimit(requestsPerMinute: number, clock: Clock): (principal: PrincipalId) => void {
  const spacingMs = 60_000 / requestsPerMinute;
  const usedUntilMs = new LRUCache<string, number>({ max: maxPrincipals });
  return (principal) => {
    const key = principalKey(principal);
    const nowMs = clock.monotonicMs();
    const nextMs = Math.max(usedUntilMs.get(key) ?? 0, nowMs) + spacingMs;
    const waitMs = nextMs - nowMs - 60_000;
    if (waitMs > roundingMs)
      throw limitError('There are too many requests for this principal.', Math.ceil(waitMs / 1_000));
    usedUntilMs.set(key, nextMs);
  };
}

function createCallLimit(maxCalls: number): CallerLimits['enterProxyCall'] {
  const running = new Map<string, number>();
  return (principal) => {
    const key = principalKey(principal);
    const calls = running.get(key) ?? 0;
    if (calls >= maxCalls) throw limitError('Too many proxied calls for this principal are running.', 1);
    running.set(key, calls + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      const others = (running.get(key) ?? 1) - 1;
      if (others > 0) running.set(key, others);
      else running.delete(key);
    };
  };
}

function limitError(detail: string, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('rate_limited', detail, { retryAfterSeconds });
}
