import type { Clock } from '@valetkey/core-types';

/** A clock that stands still until it is told to go on. */
export interface ManualClock extends Clock {
  readonly advanceSeconds: (seconds: number) => void;
}

/** Starts at the present, so that clients with clocks of their own agree with it. */
export const createManualClock = (): ManualClock => {
  let nowMs = Date.now();
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    advanceSeconds: (seconds) => {
      nowMs += seconds * 1000;
    },
  };
};
