/** Calls a function of the app and ignores its failure, even if the function is asynchronous. */
export function callSafely<Value>(callback: (value: Value) => unknown, value: Value): void {
  try {
    const outcome = callback(value);
    if (outcome instanceof Promise) outcome.catch(() => undefined);
  } catch {
    // The app can report its own failures.
  }
}
