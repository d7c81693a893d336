import type { Clock } from '@valetkey/core-types';

/** Fetches that may follow each other without a wait. With known keys, two are enough for a rotation directly after a fetch. */
const maxBurstWithKeys = 2;
/** Without keys every caller is refused until a fetch succeeds. */
const maxBurstWithoutKeys = 5;

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

/**
 * Creates the budget of one identity provider: one fetch per interval on average, a few that follow each other without a wait, and a
 * back-off after failures. Whatever callers send, one fetch may start an interval after the previous one, so that a new key is found.
 */
export function createFetchBudget(clock: Clock, random: () => number, intervalMs: number): FetchBudget {
  /** Each fetch moves this moment by one interval: from here on, the budget is full. */
  let fullAtMs = -Infinity;
  let startedAtMs = -Infinity;
  let failures = 0;
  let backOffEndsMs = -Infinity;
  return {
    nextFetchMs: (hasKeys) => {
      const maxBurst = hasKeys ? maxBurstWithKeys : maxBurstWithoutKeys;
      return Math.max(backOffEndsMs, fullAtMs - (maxBurst - 1) * intervalMs);
    },
    recordStart: () => {
      startedAtMs = clock.monotonicMs();
      fullAtMs = Math.max(fullAtMs, startedAtMs) + intervalMs;
    },
    recordSuccess: () => {
      failures = 0;
      backOffEndsMs = -Infinity;
      // The fetches of a start without keys do not delay the discovery of the next key.
      fullAtMs = Math.min(fullAtMs, startedAtMs + maxBurstWithKeys * intervalMs);
    },
    recordFailure: (hasKeys) => {
      const maxMs = hasKeys ? maxBackOffMs : maxBackOffWithoutKeysMs;
      // Full jitter: a random moment below a bound that doubles, so that many verifiers do not call at once.
      backOffEndsMs = clock.monotonicMs() + random() * Math.min(maxMs, firstBackOffMs * 2 ** failures);
      failures += 1;
    },
  };
}
