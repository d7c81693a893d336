import type { Clock } from '@valetkey/core-types';

/** A clock that moves only when a test advances it. */
export interface VirtualClock extends Clock {
  readonly advanceSeconds: (seconds: number) => void;
}

/** Creates a clock that starts at a fixed time, so that every run of a test is the same. */
export function createVirtualClock(start = Date.parse('2026-01-15T12:00:00Z')): VirtualClock {
  let nowMs = start;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    advanceSeconds(seconds) {
      nowMs += seconds * 1000;
    },
  };
}
