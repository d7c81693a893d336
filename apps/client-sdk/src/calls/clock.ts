import type { OptionCheck } from '../checks/option-check.ts';

/** The clock and the timers of the client. Tests can replace them. */
export interface ValetClock {
  /** Returns the wall-clock time, in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Runs `task` once after `delayMs` milliseconds. Returns a function that cancels it. */
  readonly schedule: (task: () => void, delayMs: number) => () => void;
  /**
   * Returns milliseconds since any moment. Unlike `nowMs`, it never steps when the device's time is set. Default:
   * `nowMs`.
   */
  readonly monotonicMs?: (() => number) | undefined;
}

export type MonotonicClock = ValetClock & { readonly monotonicMs: () => number };

/** The clock of this device. */
export const deviceClock: MonotonicClock = {
  nowMs: () => Date.now(),
  monotonicMs:
    typeof performance === 'object' && typeof performance.now === 'function'
      ? () => performance.now()
      : () => Date.now(),
  schedule: (task, delayMs) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Returns the option `clock` with a `monotonicMs`. Throws a `TypeError` of `check` unless it is a clock. */
export function parseClock(clock: ValetClock, check: OptionCheck): MonotonicClock {
  const { nowMs, schedule, monotonicMs = nowMs } = clock ?? {};
  const isClock = [nowMs, schedule, monotonicMs].every((part) => typeof part === 'function');
  check(isClock, 'clock', 'must have the functions `nowMs` and `schedule`');
  return { nowMs, schedule, monotonicMs };
}
