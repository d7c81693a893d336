import { ValetKeyError, type Clock, type Principal } from '@valetkey/core-types';
import { LRUCache } from 'lru-cache';
import { principalKey } from '../identity/principal-key.ts';

/** The limits of one caller. An absent limit is not enforced. */
export interface CallerLimitOptions {
  readonly requestsPerMinute?: number | undefined;
  readonly concurrentProxyCalls?: number | undefined;
}

/** Keeps one caller from using more than its share. */
export interface CallerLimits {
  /** Counts a request of the caller. Throws `rate_limited`. Absent where requests are not limited. */
  readonly countRequest: ((principal: Principal) => void) | undefined;
  /** Counts a proxied call until the returned function is called for the first time. Throws `rate_limited`. */
  readonly enterProxyCall: (principal: Principal) => () => void;
}

/** When more callers than this are remembered, those that have been absent longest start with a full minute again. */
const maxCallers = 100_000;

/** Creates the limits of this process. Several brokers that serve the same callers count separately. */
export function createCallerLimits(options: CallerLimitOptions, clock: Clock): CallerLimits {
  const { requestsPerMinute, concurrentProxyCalls } = options;
  return {
    countRequest: requestsPerMinute === undefined ? undefined : createRequestCounter(requestsPerMinute, clock),
    enterProxyCall:
      concurrentProxyCalls === undefined ? () => () => undefined : createCallCounter(concurrentProxyCalls),
  };
}

/**
 * The generic cell rate algorithm: each request uses its share of the caller's minute, so that a caller may send a whole
 * minute's requests at once and then regains them evenly.
 */
function createRequestCounter(requestsPerMinute: number, clock: Clock): (principal: Principal) => void {
  const spacingMs = 60_000 / requestsPerMinute;
  const usedUntilMs = new LRUCache<string, number>({ max: maxCallers });
  return (principal) => {
    const caller = principalKey(principal);
    const nowMs = clock.monotonicMs();
    const nextMs = Math.max(usedUntilMs.get(caller) ?? 0, nowMs) + spacingMs;
    const waitMs = nextMs - nowMs - 60_000;
    if (waitMs > 0) throw limitError('This caller sends too many requests.', Math.ceil(waitMs / 1_000));
    usedUntilMs.set(caller, nextMs);
  };
}

function createCallCounter(maxCalls: number): CallerLimits['enterProxyCall'] {
  const running = new Map<string, number>();
  return (principal) => {
    const caller = principalKey(principal);
    const calls = running.get(caller) ?? 0;
    if (calls >= maxCalls) throw limitError('Too many calls of this caller are running.', 1);
    running.set(caller, calls + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      const others = (running.get(caller) ?? 1) - 1;
      if (others > 0) running.set(caller, others);
      else running.delete(caller);
    };
  };
}

function limitError(detail: string, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('rate_limited', detail, { retryAfterSeconds });
}
