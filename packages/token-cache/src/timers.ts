/** Where waiting comes from, so that tests and simulations can own it. */
export interface Timers {
  /** Calls back once, `delayMs` milliseconds from now; the answer takes it back. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

/** The timers of this process. */
export const systemTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Waits; ends early, without an error, when the signal aborts. */
export const pause = (timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = timers.after(delayMs, end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
