import type { Clock } from '@valetkey/core-types';

/** A clock that only the test moves. */
export interface VirtualClock extends Clock {
  readonly advance: (seconds: number) => void;
  /** Moves only the wall clock, as a correction of the machine's clock does. */
  readonly step: (seconds: number) => void;
  readonly nowSeconds: () => number;
}

export function createVirtualClock(startSeconds = 1_800_000_000): VirtualClock {
  let wallMs = startSeconds * 1000;
  let monotonicMs = 5000;
  return {
    nowMs: () => wallMs,
    monotonicMs: () => monotonicMs,
    nowSeconds: () => wallMs / 1000,
    advance: (seconds) => {
      wallMs += seconds * 1000;
      monotonicMs += seconds * 1000;
    },
    step: (seconds) => {
      wallMs += seconds * 1000;
    },
  };
}
