import { ValetKeyError, type Clock, type Principal } from '@valetkey/core-types';
import { LRUCache } from 'lru-cache';
import { externalIdOf } from './vendor-users.ts';

/** What one caller may take of what is everybody's. What is absent has no bound. */
export interface CallerLimitOptions {
  readonly requestsPerMinute?: number | undefined;
  readonly concurrentProxyCalls?: number | undefined;
}

/** Keeps one caller from crowding out the others. */
export interface CallerLimits {
  /** Counts a request of the caller. Throws `rate_limited`. */
  readonly countRequest: (principal: Principal) => void;
  /** Takes one of the caller's places and answers what gives it back, once. Throws `rate_limited`. */
  readonly enterProxyCall: (principal: Principal) => () => void;
}

/** Callers who are remembered; of more than these, those who were away longest begin anew. */
const rememberedCallers = 100_000;

/** Makes the limits of this process. Where several brokers serve the same callers, each counts for itself. */
export function createCallerLimits(options: CallerLimitOptions, clock: Clock): CallerLimits {
  const { requestsPerMinute = Infinity, concurrentProxyCalls = Infinity } = options;
  const spacingMs = 60_000 / requestsPerMinute;
  /**
   * Until when each caller's minute is used up, the generic cell rate algorithm: every request takes its share of the
   * minute, so that as many as a minute has may come at once, and then one at a time.
   */
  const usedUntilMs = new LRUCache<string, number>({ max: rememberedCallers });
  const proxyCalls = new Map<string, number>();

  return {
    countRequest(principal) {
      if (spacingMs === 0) return;
      const caller = externalIdOf(principal);
      const nowMs = clock.monotonicMs();
      const nextMs = Math.max(usedUntilMs.get(caller) ?? 0, nowMs) + spacingMs;
      const waitMs = nextMs - nowMs - 60_000;
      if (waitMs > 0) throw limitedError('These are too many requests at once.', Math.ceil(waitMs / 1_000));
      usedUntilMs.set(caller, nextMs);
    },

    enterProxyCall(principal) {
      const caller = externalIdOf(principal);
      const calls = proxyCalls.get(caller) ?? 0;
      if (calls >= concurrentProxyCalls) throw limitedError('Too many calls of yours are under way.', 1);
      proxyCalls.set(caller, calls + 1);
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        const others = (proxyCalls.get(caller) ?? 1) - 1;
        if (others > 0) proxyCalls.set(caller, others);
        else proxyCalls.delete(caller);
      };
    },
  };
}

function limitedError(detail: string, retryAfterSeconds: number): ValetKeyError {
  return new ValetKeyError('rate_limited', detail, { retryAfterSeconds });
}
