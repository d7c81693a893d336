import type { Clock } from '@valetkey/core-types';

/** A clock that moves only when a test advances it. */
export interface VirtualClock extends Clock {
  readonly advance: (milliseconds: number) => void;
}

/** Creates a clock that shows 2026-01-01 until it is advanced. */
export function createVirtualClock(): VirtualClock {
  let elapsedMs = 0;
  return {
    nowMs: () => Date.UTC(2026, 0, 1) + elapsedMs,
    monotonicMs: () => elapsedMs,
    advance: (milliseconds) => {
      elapsedMs += milliseconds;
    },
  };
}
