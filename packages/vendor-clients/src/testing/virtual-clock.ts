import type { Clock } from '@valetkey/core-types';

/** Creates a clock that stands still until a test advances it. */
export function createVirtualClock(
  startMs = Date.UTC(2026, 10, 20),
): Clock & { advance: (milliseconds: number) => void } {
  let elapsedMs = 0;
  return {
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    advance: (milliseconds) => {
      elapsedMs += milliseconds;
    },
  };
}
