import type { ValetClock } from './clock.ts';
import { ValetError } from './valet-error.ts';

/** The timeout and the signals that can end a call early. */
export interface Deadline {
  readonly clock: ValetClock;
  readonly timeoutMs: number;
  readonly signals: readonly (AbortSignal | null | undefined)[];
}

/**
 * Runs `task` and always settles, even if `task` never does: with the outcome of `task`, or with `timeout` or `aborted`
 * if that comes first. A later outcome of `task` is ignored.
 *
 * It does not use `AbortSignal.timeout` and `AbortSignal.any`, because React Native lacks both.
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
