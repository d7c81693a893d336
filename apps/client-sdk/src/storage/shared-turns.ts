import type { MonotonicClock } from '../clock.ts';
import { turnMs, type DeviceStorage, type Turn } from './device-storage.ts';
import { resultOf, type ItemDatabase } from './indexed-db.ts';
import { unlessAborted } from './program-turns.ts';
import { uniqueText } from './unique-text.ts';

/** The turn of a task, in the database. Its owner removes it. */
interface Lease {
  readonly owner: string;
  /** On the device's clock, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** Milliseconds that a task waits for a Web Lock. A page that stands still may hold it for ever. */
const maxLockMs = 5000;
const minPauseMs = 100;
const maxPauseMs = 250;

/**
 * Returns the `runAlone` of a database that several tabs share. A Web Lock spares the tabs the polling, and a lease in the
 * database decides: it works without Web Locks, and tells whether a tab vanished during its turn.
 */
export function createSharedTurns(
  database: ItemDatabase,
  clock: MonotonicClock,
  locks: () => LockManager | undefined,
  lockName: string,
): DeviceStorage['runAlone'] {
  return async (key, signal, task) => {
    await unlessAborted(Promise.resolve(), signal);
    const manager = locks();
    if (manager === undefined) return runWithLease(key, signal, task);
    const waiting = new AbortController();
    const giveUp = () => waiting.abort();
    const cancel = clock.schedule(giveUp, maxLockMs);
    signal.addEventListener('abort', giveUp);
    let isLocked = false;
    try {
      return await manager.request(`${lockName}/${key}`, { signal: waiting.signal }, () => {
        isLocked = true;
        cancel();
        return runWithLease(key, signal, task);
      });
    } catch (error) {
      if (isLocked) throw error;
      return await runWithLease(key, signal, task);
    } finally {
      cancel();
      signal.removeEventListener('abort', giveUp);
    }
  };

  async function runWithLease<Result>(
    key: string,
    signal: AbortSignal,
    task: (turn: Turn) => Promise<Result>,
  ): Promise<Result> {
    const place = ['lease', key];
    const owner = uniqueText();
    let isTakenOver = false;
    const take = () =>
      database.access((transact) =>
        transact('readwrite', async (items) => {
          const lease = (await resultOf(items.get(place))) as Lease | undefined;
          if (lease !== undefined && lease.owner !== owner) {
            const ageMs = clock.nowMs() - lease.sinceMs;
            // A clock that was set back must not keep a lease alive.
            if (ageMs >= 0 && ageMs < turnMs) return false;
            isTakenOver = true;
          }
          await resultOf(items.put({ owner, sinceMs: clock.nowMs() } satisfies Lease, place));
          return true;
        }),
      );
    const giveBack = () =>
      database.access((transact) =>
        transact('readwrite', async (items) => {
          const lease = (await resultOf(items.get(place))) as Lease | undefined;
          if (lease?.owner === owner) await resultOf(items.delete(place));
        }),
      );

    while (!(await take())) await pause(signal);
    try {
      await unlessAborted(Promise.resolve(), signal);
      return await task({ isTakenOver });
    } finally {
      // A lease that cannot be given back ends by itself.
      await giveBack().catch(() => undefined);
    }
  }

  async function pause(signal: AbortSignal): Promise<void> {
    const pauseMs = minPauseMs + Math.random() * (maxPauseMs - minPauseMs);
    let cancel: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (cancel = clock.schedule(resolve, pauseMs)));
    try {
      await unlessAborted(over, signal);
    } finally {
      cancel();
    }
  }
}
