import type { MonotonicClock } from '../calls/clock.ts';
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
    const run = () => runWithLease(createLease(database, clock, key), signal, task);
    const manager = locks();
    if (manager === undefined) return run();
    const waiting = new AbortController();
    const giveUp = () => waiting.abort();
    const cancel = clock.schedule(giveUp, maxLockMs);
    signal.addEventListener('abort', giveUp);
    let isLocked = false;
    try {
      return await manager.request(`${lockName}/${key}`, { signal: waiting.signal }, () => {
        isLocked = true;
        cancel();
        return run();
      });
    } catch (error) {
      if (isLocked) throw error;
      return await run();
    } finally {
      cancel();
      signal.removeEventListener('abort', giveUp);
    }
  };
}

/** A lease that one task takes and gives back. */
interface TaskLease {
  /** Resolves with the turn, or with null if another task has it. */
  readonly take: () => Promise<Turn | null>;
  readonly giveBack: () => Promise<void>;
  /** Waits until the next try. */
  readonly pause: (signal: AbortSignal) => Promise<void>;
}

async function runWithLease<Result>(
  { take, giveBack, pause }: TaskLease,
  signal: AbortSignal,
  task: (turn: Turn) => Promise<Result>,
): Promise<Result> {
  let turn: Turn | null;
  while ((turn = await take()) === null) await pause(signal);
  try {
    await unlessAborted(Promise.resolve(), signal);
    return await task(turn);
  } finally {
    // A lease that cannot be given back ends by itself.
    await giveBack().catch(() => undefined);
  }
}

function createLease(database: ItemDatabase, clock: MonotonicClock, key: string): TaskLease {
  const place = ['lease', key];
  const owner = uniqueText();
  let isTakenOver = false;
  const change = <Result>(run: (items: IDBObjectStore, lease: Lease | undefined) => Promise<Result>) =>
    database.access((transact) =>
      transact('readwrite', async (items) => run(items, await resultOf<Lease | undefined>(items.get(place)))),
    );
  return {
    take: () =>
      change(async (items, lease) => {
        if (lease !== undefined && lease.owner !== owner) {
          const ageMs = clock.nowMs() - lease.sinceMs;
          // A clock that was set back must not keep a lease alive.
          if (ageMs >= 0 && ageMs < turnMs) return null;
          isTakenOver = true;
        }
        await resultOf(items.put({ owner, sinceMs: clock.nowMs() } satisfies Lease, place));
        return { isTakenOver };
      }),
    giveBack: () =>
      change(async (items, lease) => {
        if (lease?.owner === owner) await resultOf(items.delete(place));
      }),
    pause: async (signal) => {
      const pauseMs = minPauseMs + Math.random() * (maxPauseMs - minPauseMs);
      let cancel: () => void = () => undefined;
      const over = new Promise<void>((resolve) => (cancel = clock.schedule(resolve, pauseMs)));
      try {
        await unlessAborted(over, signal);
      } finally {
        cancel();
      }
    },
  };
}
