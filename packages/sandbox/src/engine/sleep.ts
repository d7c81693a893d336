/** Waits for a number of milliseconds, or until the signal aborts. Never rejects. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>;

/** Waits with a timer of this machine. */
export function systemSleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  function finish(): void {
    clearTimeout(timer);
    signal.removeEventListener('abort', finish);
    resolve();
  }
  const timer = setTimeout(finish, milliseconds);
  signal.addEventListener('abort', finish);
  return promise;
}
