import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '@valetkey/core-types';

/** How long one part may take, in milliseconds. SQLite blocks the event loop meanwhile, and other writers wait. */
const targetMs = 10;
const [firstRows, maxRows] = [5, 1_000] as const;

/** What many small changes use. */
export interface PartsDependencies {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Ends the work after the part that is running. */
  readonly signal?: AbortSignal | undefined;
  /** Waits so many milliseconds. */
  readonly pause?: ((milliseconds: number) => Promise<unknown>) | undefined;
}

/**
 * Changes many rows in small parts, each with as many rows as the database changes within about ten milliseconds. After each part, the
 * database and the event loop are free for at least as long. `change` receives the number of rows, and returns whether
 * more of them may be left.
 */
export async function changeInParts(
  { clock, signal, pause = sleep }: PartsDependencies,
  change: (rows: number) => Promise<boolean>,
): Promise<void> {
  let rows: number = firstRows;
  for (;;) {
    if (signal?.aborted === true) return;
    const beganAtMs = clock.monotonicMs();
    if (!(await change(rows))) return;
    const tookMs = clock.monotonicMs() - beganAtMs;
    if (tookMs > targetMs) rows = Math.max(1, Math.floor((rows * targetMs) / tookMs));
    else if (tookMs < targetMs / 2) rows = Math.min(maxRows, rows * 2);
    await pause(Math.max(1, Math.ceil(tookMs)));
  }
}
