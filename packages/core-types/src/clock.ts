/** The source of time. Deadlines use `monotonicMs`, which does not jump when the system clock is set. */
export interface Clock {
  /** Returns the wall clock in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Returns milliseconds since an arbitrary moment; it never decreases. */
  readonly monotonicMs: () => number;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  // The functions themselves, without a wrapper: every request reads the clock several times.
  nowMs: Date.now,
  monotonicMs: performance.now.bind(performance),
};
