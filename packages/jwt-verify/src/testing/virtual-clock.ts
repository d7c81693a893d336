import type { Clock } from '@valetkey/core-types';

/** A clock that moves only when a test moves it. */
export interface VirtualClock extends Clock {
  /** Moves both the wall clock and the monotonic clock. */
  readonly advance: (ms: number) => void;
  /** Moves only the wall clock, as a correction of the machine's clock does. */
  readonly step: (ms: number) => void;
  /** Returns the wall clock in seconds since 1970. */
  readonly nowSeconds: () => number;
}

export function createVirtualClock(startSeconds = 1_800_000_000): VirtualClock {
  let wallMs = startSeconds * 1000;
  let monotonicMs = 5000;
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    nowSeconds: () => wallMs / 1000,
    advance: (ms) => {
      wallMs += ms;
      monotonicMs += ms;
    },
    step: (ms) => {
      wallMs += ms;
    },
  };
}
