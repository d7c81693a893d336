/** The clock and the timers of the client. Tests can replace them. */
export interface ValetClock {
  /** Returns the wall-clock time, in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Runs `task` once after `delayMs` milliseconds. Returns a function that cancels it. */
  readonly schedule: (task: () => void, delayMs: number) => () => void;
}

/** The clock of this device. */
export const deviceClock: ValetClock = {
  nowMs: () => Date.now(),
  schedule: (task, delayMs) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
