import type { DeviceStorage, StoredText, Turn } from './device-storage.ts';

type Awaitable<Value> = Value | Promise<Value>;

/** A platform's storage of texts. Each function may be asynchronous. */
export interface TextPlace {
  readonly get: (key: string) => Awaitable<string | null | undefined>;
  readonly set: (key: string, text: string) => Awaitable<unknown>;
  readonly delete: (key: string) => Awaitable<unknown>;
}

/**
 * Creates a {@link DeviceStorage} for one program from a platform's storage of texts, which cannot compare and write in one
 * step. The functions run one after another.
 */
export function createTextStorage(place: TextPlace): DeviceStorage {
  let lastAccess: Promise<unknown> = Promise.resolve();
  const lastTurns = new Map<string, Promise<unknown>>();
  let writes = 0;

  function access<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = lastAccess.then(task);
    lastAccess = result.catch(() => undefined);
    return result;
  }
  async function read(key: string): Promise<StoredText | null> {
    const stored = await place.get(key);
    if (typeof stored !== 'string') return null;
    const end = stored.indexOf(' ');
    return { revision: stored.slice(0, end), text: stored.slice(end + 1) };
  }

  return {
    read: (key) => access(() => read(key)),
    replace: (key, expected, text) =>
      access(async () => {
        if (((await read(key))?.revision ?? null) !== expected) return null;
        writes += 1;
        // The first part tells the writes of one launch from those of another.
        const revision = `${startedAt}-${writes}`;
        await place.set(key, `${revision} ${text}`);
        return revision;
      }),
    remove: (key) =>
      access(async () => {
        await place.delete(key);
      }),
    runAlone: async (key, signal, task) => {
      const before = lastTurns.get(key);
      const turn = Promise.resolve(before).then(() => {
        if (signal.aborted) throw new Error('The caller did not wait for its turn.');
        return task(firstHand);
      });
      lastTurns.set(
        key,
        turn.then(
          () => undefined,
          () => undefined,
        ),
      );
      return turn;
    },
    watch: () => () => undefined,
  };
}

const firstHand: Turn = { isTakenOver: false };
const startedAt = Date.now().toString(36) + Math.random().toString(36).slice(2);
