import type { ValetEvent } from './events.ts';
import type { ParsedOptions } from './options.ts';
import { callSafely } from '../calls/call-safely.ts';
import { abortedError, type Ending } from '../calls/deadline.ts';
import { ValetError } from '../errors/valet-error.ts';

/**
 * Runs a call of a user's session and passes its outcome to `onEvent`, once. Every rejection is a {@link ValetError}. The
 * result is dropped if the session ended before this function delivers it.
 */
export async function observe<Result>(
  { clock, onEvent }: Pick<ParsedOptions, 'clock' | 'onEvent'>,
  call: Pick<ValetEvent, 'operation' | 'vendor'>,
  session: Ending,
  run: () => Promise<Result>,
): Promise<Result> {
  const startedAtMs = clock.monotonicMs();
  const report = (outcome: ValetEvent['outcome'], requestId?: string) => {
    const durationMs = clock.monotonicMs() - startedAtMs;
    // A failure of the app's metrics must not fail the call.
    callSafely(onEvent, { ...call, outcome, durationMs, requestId });
  };
  try {
    const result = await run();
    if (session.ended) throw abortedError();
    report('ok');
    return result;
  } catch (failure) {
    // The message of another error may quote what the caller passed.
    const error = ValetError.isInstance(failure) ? failure : new ValetError('internal', 'The client itself failed.');
    report(error.code, error.requestId);
    throw error;
  }
}
