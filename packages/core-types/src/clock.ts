/** Where time comes from. Deadlines use `monotonicMs`, which no clock step moves. */
export interface Clock {
  /** Wall clock, in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** Milliseconds since some fixed moment; never goes back. */
  readonly monotonicMs: () => number;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
