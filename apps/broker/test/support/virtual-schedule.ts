import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** Timers that run when a test advances their clock. */
export interface VirtualSchedule {
  readonly clock: VirtualClock;
  readonly schedule: (work: () => Promise<void>, delayMs: number) => () => void;
  /** Advances the clock, and runs each timer at its time, one after the other. */
  readonly advance: (milliseconds: number) => Promise<void>;
  readonly pending: () => number;
}

export function createVirtualSchedule(): VirtualSchedule {
  const clock = createVirtualClock();
  const planned = new Set<{ readonly work: () => Promise<void>; readonly atMs: number }>();
  return {
    clock,
    schedule(work, delayMs) {
      const entry = { work, atMs: clock.monotonicMs() + delayMs };
      planned.add(entry);
      return () => planned.delete(entry);
    },
    async advance(milliseconds) {
      const endMs = clock.monotonicMs() + milliseconds;
      for (;;) {
        const [next] = [...planned].filter(({ atMs }) => atMs <= endMs).toSorted((one, other) => one.atMs - other.atMs);
        if (next === undefined) break;
        planned.delete(next);
        clock.advance(next.atMs - clock.monotonicMs());
        await next.work();
      }
      clock.advance(endMs - clock.monotonicMs());
    },
    pending: () => planned.size,
  };
}
