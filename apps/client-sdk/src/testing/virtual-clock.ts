import type { ValetClock } from '../calls/clock.ts';

/**
 * Creates a clock for a test, with the functions that control it. `advance` moves the time, then runs each task that is due, in the
 * order in which they were scheduled. `stepTime` sets the device's time, as its user can; no other time passes.
 */
export function createVirtualClock(startMs = Date.parse('2026-11-20T10:00:00.000Z')) {
  let nowMs = startMs;
  let stepMs = 0;
  const tasks = new Map<object, { task: () => void; atMs: number }>();
  const clock: ValetClock = {
    nowMs: () => nowMs + stepMs,
    monotonicMs: () => nowMs - startMs,
    schedule: (task, delayMs) => {
      const key = {};
      tasks.set(key, { task, atMs: nowMs + delayMs });
      return () => void tasks.delete(key);
    },
  };
  return {
    clock,
    scheduledCount: () => tasks.size,
    stepTime: (byMs: number) => {
      stepMs += byMs;
    },
    advance: (byMs: number) => {
      nowMs += byMs;
      for (const [key, { task, atMs }] of tasks) {
        if (atMs > nowMs) continue;
        tasks.delete(key);
        task();
      }
    },
  };
}
