import type { Clock } from '@valetkey/core-types';
import type { Timers } from '../renewal/timers.ts';

/** A clock and timers that a test advances. Timers call back in the order in which they fall due. */
export interface VirtualTime extends Clock, Timers {
  /** Lets promises settle, then advances the clock and runs each timer that falls due on the way. */
  readonly advance: (milliseconds: number) => Promise<void>;
  /** Lets every promise settle that does not wait for a timer. */
  readonly settle: () => Promise<void>;
  /** Changes only the wall clock, like an operator or NTP. */
  readonly stepWallClock: (milliseconds: number) => void;
  readonly pendingTimers: () => number;
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** Creates a clock and timers. The clock does not start at zero, so that no code relies on zero. */
export function createVirtualTime(startMs = 1_000_000): VirtualTime {
  let nowMs = startMs;
  let wallOffsetMs = 1_700_000_000_000;
  const timers = new Set<Timer>();

  function nextTimer(untilMs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of timers) if (timer.atMs <= untilMs && (!first || timer.atMs < first.atMs)) first = timer;
    return first;
  }

  return {
    nowMs: () => nowMs + wallOffsetMs,
    monotonicMs: () => nowMs,
    after: (delayMs, callback) => {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: async (milliseconds) => {
      const untilMs = nowMs + milliseconds;
      await nextTurn();
      for (let timer = nextTimer(untilMs); timer !== undefined; timer = nextTimer(untilMs)) {
        timers.delete(timer);
        nowMs = Math.max(nowMs, timer.atMs);
        timer.callback();
        await nextTurn();
      }
      nowMs = untilMs;
    },
    settle: nextTurn,
    stepWallClock: (milliseconds) => {
      wallOffsetMs += milliseconds;
    },
    pendingTimers: () => timers.size,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
