import type { Clock } from '@valetkey/core-types';

/** At most so many fetches in any window of so many milliseconds. */
interface FetchLimit {
  readonly fetches: number;
  readonly windowMs: number;
}

/** While keys are at hand a fetch can wait, whatever tokens arrive. */
const limitWithKeys: FetchLimit = { fetches: 2, windowMs: 30_000 };
/** Without keys every caller is turned away until a fetch succeeds. */
const limitWithoutKeys: FetchLimit = { fetches: 10, windowMs: 60_000 };

const firstBackOffMs = 1000;
const longestBackOffMs = 60_000;
/** Callers are being turned away meanwhile, so recovery must be noticed sooner. */
const longestBackOffWithoutKeysMs = 15_000;

/** When an identity provider may be asked again. */
export interface FetchBudget {
  /** The earliest moment of the next fetch; monotonic, past or present when it may begin now. */
  readonly nextFetchMs: (hasKeys: boolean) => number;
  readonly started: () => void;
  readonly succeeded: () => void;
  readonly failed: (hasKeys: boolean) => void;
}

/** Bounds the fetches of one provider: a budget for good times, a back-off with full jitter for bad ones. */
export function createFetchBudget(clock: Clock, random: () => number): FetchBudget {
  const startedMs: number[] = [];
  let failures = 0;
  let backOffEndsMs = -Infinity;
  return {
    nextFetchMs: (hasKeys) => {
      const { fetches, windowMs } = hasKeys ? limitWithKeys : limitWithoutKeys;
      const oldestCounted = startedMs.at(-fetches) ?? -Infinity;
      return Math.max(backOffEndsMs, oldestCounted + windowMs);
    },
    started: () => {
      startedMs.push(clock.monotonicMs());
      if (startedMs.length > limitWithoutKeys.fetches) startedMs.shift();
    },
    succeeded: () => {
      failures = 0;
      backOffEndsMs = -Infinity;
    },
    failed: (hasKeys) => {
      const longestMs = hasKeys ? longestBackOffMs : longestBackOffWithoutKeysMs;
      // Full jitter: anywhere up to a bound that doubles, so that many verifiers do not come back at once.
      backOffEndsMs = clock.monotonicMs() + random() * Math.min(longestMs, firstBackOffMs * 2 ** failures);
      failures += 1;
    },
  };
}
