import type { Clock } from '@valetkey/core-types';

/** At most `maxFetches` fetches may start in any window of `windowMs`. */
interface FetchLimit {
  readonly maxFetches: number;
  readonly windowMs: number;
}

/** With known keys a fetch can wait, because tokens are still verified. */
const limitWithKeys: FetchLimit = { maxFetches: 2, windowMs: 30_000 };
/** Without keys every caller is refused until a fetch succeeds. */
const limitWithoutKeys: FetchLimit = { maxFetches: 10, windowMs: 60_000 };

const firstBackOffMs = 1000;
const maxBackOffMs = 60_000;
/** Shorter than {@link maxBackOffMs}, because callers are refused until the provider's recovery is noticed. */
const maxBackOffWithoutKeysMs = 15_000;

/** Decides when an identity provider may be called again. */
export interface FetchBudget {
  /** Returns the earliest moment of the next fetch on the monotonic clock; a moment in the past means now. */
  readonly nextFetchMs: (hasKeys: boolean) => number;
  /** Counts a fetch that starts now. */
  readonly recordStart: () => void;
  /** Ends the back-off. */
  readonly recordSuccess: () => void;
  /** Starts a back-off. */
  readonly recordFailure: (hasKeys: boolean) => void;
}

/** Creates the budget of one identity provider: a number of fetches per window, and a back-off after failures. */
export function createFetchBudget(clock: Clock, random: () => number): FetchBudget {
  const startedMs: number[] = [];
  let failures = 0;
  let backOffEndsMs = -Infinity;
  return {
    nextFetchMs: (hasKeys) => {
      const { maxFetches, windowMs } = hasKeys ? limitWithKeys : limitWithoutKeys;
      const oldestCounted = startedMs.at(-maxFetches) ?? -Infinity;
      return Math.max(backOffEndsMs, oldestCounted + windowMs);
    },
    recordStart: () => {
      startedMs.push(clock.monotonicMs());
      if (startedMs.length > limitWithoutKeys.maxFetches) startedMs.shift();
    },
    recordSuccess: () => {
      failures = 0;
      backOffEndsMs = -Infinity;
    },
    recordFailure: (hasKeys) => {
      const maxMs = hasKeys ? maxBackOffMs : maxBackOffWithoutKeysMs;
      // Full jitter: a random moment below a bound that doubles, so that many verifiers do not call at once.
      backOffEndsMs = clock.monotonicMs() + random() * Math.min(maxMs, firstBackOffMs * 2 ** failures);
      failures += 1;
    },
  };
}
