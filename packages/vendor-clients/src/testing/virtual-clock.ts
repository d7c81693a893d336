import type { Clock } from '@valetkey/core-types';

/** A clock that moves when a test says so. */
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
