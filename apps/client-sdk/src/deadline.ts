import type { ValetClock } from './clock.ts';
import { ValetError } from './valet-error.ts';

/** What can end a call early. */
export interface Deadline {
  readonly clock: ValetClock;
  readonly timeoutMs: number;
  readonly signals: readonly (AbortSignal | null | undefined)[];
}

/**
 * Runs `task` and always settles: with its outcome, with `timeout`, or with `aborted`, whichever comes first, even if
 * `task` never settles. A later outcome of `task` is dropped.
 *
 * React Native has neither `AbortSignal.timeout` nor `AbortSignal.any`.
 */
export function settleWithin<Result>(
  { clock, timeoutMs, signals }: Deadline,
  task: (controller: AbortController) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  return new Promise<Result>((resolve, reject) => {
    const end = (error: ValetError) => {
      release();
      reject(error);
      controller.abort();
    };
    const abort = () => end(new ValetError('aborted', 'The app ended the call before the broker responded.'));
    const cancelTimer = clock.schedule(
      () => end(new ValetError('timeout', `The call did not complete within ${timeoutMs} ms.`)),
      timeoutMs,
    );
    const release = () => {
      cancelTimer();
      for (const signal of signals) signal?.removeEventListener('abort', abort);
    };

    if (signals.some((signal) => signal?.aborted)) return abort();
    for (const signal of signals) signal?.addEventListener('abort', abort);
    task(controller).then(resolve, reject).finally(release);
  });
}
