import type { Clock } from '@valetkey/core-types';
import type { Timers } from '../timers.ts';

/** Time that moves when told to. Timers call back in the order of their moments. */
export interface VirtualTime extends Clock, Timers {
  /** Lets promises settle, then moves on to each timer that is due within so many milliseconds. */
  readonly advance: (milliseconds: number) => Promise<void>;
  /** Lets every promise settle that needs no time to do so. */
  readonly settle: () => Promise<void>;
  /** Moves the wall clock alone, as an operator or NTP does. */
  readonly stepWallClock: (milliseconds: number) => void;
  readonly pendingTimers: () => number;
}

interface Timer {
  readonly atMs: number;
  readonly callback: () => void;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A clock and timers for tests. Starts at a moment that is nobody's default. */
export const createVirtualTime = (startMs = 1_000_000): VirtualTime => {
  let nowMs = startMs;
  let wallOffsetMs = 1_700_000_000_000;
  const timers = new Set<Timer>();

  const next = (untilMs: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (timer.atMs <= untilMs && (!first || timer.atMs < first.atMs)) first = timer;
    return first;
  };

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
      for (let timer = next(untilMs); timer !== undefined; timer = next(untilMs)) {
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
};
