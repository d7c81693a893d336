import type { MonotonicClock } from './clock.ts';
import { ValetError } from '../errors/valet-error.ts';

/** Runs a task and always settles. The caller's signal, `signOut` or the timeout end the task early. */
export type Settle = <Result>(
  signal: AbortSignal | null | undefined,
  task: (controller: AbortController) => Promise<Result>,
) => Promise<Result>;

/** The end of a user's session, which `signOut` causes. */
export interface Ending {
  readonly ended: boolean;
  /** Calls `listener` when the session ends. Returns a function that removes the listener. */
  readonly onEnd: (listener: () => void) => () => void;
}

/** What can end a call early. */
export interface Deadline {
  readonly clock: MonotonicClock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | null | undefined;
  readonly ending: Ending;
  /** The subject of the message of `timeout`. Default: the call. */
  readonly what?: string | undefined;
}

/** A timer that fires this many milliseconds late shows that the device was suspended. */
const suspendedMs = 100;
/** Milliseconds in which a response that arrived during the suspension may still be read. */
const maxGraceMs = 1000;

export function abortedError(): ValetError {
  return new ValetError('aborted', 'The app ended the call before the broker responded.');
}

/**
 * Runs `task` and always settles, even if `task` never does: with the outcome of `task`, or with `timeout` or `aborted`
 * if that comes first. A later outcome of `task` is ignored.
 *
 * It does not use `AbortSignal.timeout` and `AbortSignal.any`, because React Native lacks both.
 */
export function settleWithin<Result>(
  { clock, timeoutMs, signal, ending, what = 'The call' }: Deadline,
  task: (controller: AbortController) => Promise<Result>,
): Promise<Result> {
  if (ending.ended || signal?.aborted) return Promise.reject(abortedError());

  const controller = new AbortController();
  return new Promise<Result>((resolve, reject) => {
    const end = (error: ValetError) => {
      release();
      reject(error);
      controller.abort();
    };
    const abort = () => end(abortedError());
    const expire = () => end(new ValetError('timeout', `${what} did not complete within ${timeoutMs} ms.`));
    // After a suspension the timers run first, although the response may be waiting.
    const expireUnlessSuspended = () => {
      if (clock.monotonicMs() - dueAtMs < suspendedMs) return expire();
      cancelTimer = clock.schedule(expire, Math.min(timeoutMs, maxGraceMs));
    };
    const release = () => {
      cancelTimer();
      removeListener();
      signal?.removeEventListener('abort', abort);
    };

    const dueAtMs = clock.monotonicMs() + timeoutMs;
    let cancelTimer = clock.schedule(expireUnlessSuspended, timeoutMs);
    const removeListener = ending.onEnd(abort);
    signal?.addEventListener('abort', abort);
    const run = async () => {
      try {
        return await task(controller);
      } finally {
        release();
      }
    };
    run().then(resolve, reject);
  });
}
