import type { MonotonicClock } from '../calls/clock.ts';
import { turnMs, type DeviceStorage } from './device-storage.ts';

/** By key: resolves when the last turn has ended, with whether its task still runs. */
export type LastTurns = Map<string, Promise<boolean>>;

/** Returns the `runAlone` of a storage that one program uses. Storages with the same `lastTurns` share their turns. */
export function createProgramTurns(lastTurns: LastTurns, clock: MonotonicClock): DeviceStorage['runAlone'] {
  return async (key, signal, task) => {
    const before = lastTurns.get(key) ?? Promise.resolve(false);
    let end: (isRunning: boolean | Promise<boolean>) => void = () => undefined;
    lastTurns.set(key, new Promise((resolve) => (end = resolve)));
    let isTakenOver: boolean;
    try {
      isTakenOver = await unlessAborted(before, signal);
    } catch (error) {
      end(before);
      throw error;
    }
    const cancel = clock.schedule(() => end(true), turnMs);
    try {
      return await task({ isTakenOver });
    } finally {
      cancel();
      end(false);
    }
  };
}

/** Rejects as soon as `signal` aborts, even if `result` never settles. */
export async function unlessAborted<Result>(result: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new Error('The caller did not wait for its turn.'));
  });
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([aborted, result]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
