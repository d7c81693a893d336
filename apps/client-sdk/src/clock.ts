/** Where time comes from; tests bring their own. */
export interface ValetClock {
  /** Wall clock, in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Runs `task` once after `delayMs` milliseconds; the answer calls it off. */
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
