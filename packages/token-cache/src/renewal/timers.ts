/** Timers that tests and simulations can replace. */
export interface Timers {
  /** Calls `callback` once, after `delayMs` milliseconds. The returned function cancels the call. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

/** The timers of this process. */
export const systemTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Waits for `delayMs` milliseconds, or until the signal aborts. Never rejects. */
export function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = timers.after(delayMs, end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();

    function end(): void {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    }
  });
}
