import type { ValetEvent } from './events.ts';
import type { ParsedOptions } from './options.ts';
import { ValetError } from './valet-error.ts';

/** Runs a call and passes its outcome to `onEvent`, once. */
export async function observe<Result>(
  { clock, onEvent }: Pick<ParsedOptions, 'clock' | 'onEvent'>,
  call: Pick<ValetEvent, 'operation' | 'vendor'>,
  run: () => Promise<Result>,
): Promise<Result> {
  const startedAtMs = clock.nowMs();
  const report = (outcome: ValetEvent['outcome'], requestId?: string) => {
    try {
      onEvent({ ...call, outcome, durationMs: clock.nowMs() - startedAtMs, requestId });
    } catch {
      // A failure of the app's metrics must not fail the call.
    }
  };
  try {
    const result = await run();
    report('ok');
    return result;
  } catch (error) {
    const known = ValetError.isInstance(error) ? error : undefined;
    report(known?.code ?? 'internal', known?.requestId);
    throw error;
  }
}
