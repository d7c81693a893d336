import { parseStorageOptions, type Bounds, type StorageOptions } from './bounded-access.ts';
import type { DeviceStorage, StoredText } from './device-storage.ts';
import { createProgramTurns, type LastTurns } from './program-turns.ts';
import { uniqueText } from './unique-text.ts';

type Awaitable<Value> = Value | Promise<Value>;

/** A platform's storage of texts. Each function may be asynchronous. One that rejects or throws says nothing about the text. */
export interface TextPlace {
  /** Returns the text under `key`, or null if there is none. */
  readonly get: (key: string) => Awaitable<string | null | undefined>;
  readonly set: (key: string, text: string) => Awaitable<unknown>;
  readonly delete: (key: string) => Awaitable<unknown>;
  /** Calls `listener` after another program changed the text under `key`. Returns a function that ends this. */
  readonly watch?: ((key: string, listener: () => void) => () => void) | undefined;
}

/** What the program last wanted under a key. Null: no text. */
interface Wish {
  readonly stored: string | null;
}

/** What the storages of one place share. */
interface PlaceState {
  lastAccess: Promise<unknown>;
  readonly lastTurns: LastTurns;
  readonly wishes: Map<string, Wish>;
  /** The keys under which a write was completed after its time, over a later one. */
  readonly spoiledKeys: Set<string>;
  readonly watchers: Set<{ readonly storage: object; readonly key: string; readonly listener: () => void }>;
}

const stateOf = new WeakMap<object, PlaceState>();

/**
 * Creates a {@link DeviceStorage} for one program from a platform's storage of texts, which cannot compare and write in one
 * step. The accesses to a place run one after another, even those of several storages.
 *
 * An access that takes longer than `timeoutMs` rejects, and the next one runs. If the platform completes a write after its
 * time and over a later one, the storage writes what came later again, before any other access under the key. Only if the program ends
 * between the two, the older text stays.
 *
 * @example
 * ```ts
 * import { createTextStorage } from '@valetkey/client-sdk/session';
 *
 * const texts = new Map<string, string>();
 * const storage = createTextStorage({
 *   get: (key) => texts.get(key),
 *   set: (key, text) => texts.set(key, text),
 *   delete: (key) => texts.delete(key),
 * });
 * ```
 */
export function createTextStorage(place: TextPlace, options: StorageOptions = {}): DeviceStorage {
  return createSharedTextStorage(place, place, options, 'createTextStorage');
}

/** Like {@link createTextStorage}, for a place that is the same for the same `owner`. */
export function createSharedTextStorage(
  owner: object,
  place: TextPlace,
  options: StorageOptions,
  where: string,
  ...optionNames: readonly string[]
): DeviceStorage {
  const { clock, run } = parseStorageOptions(options, where, ...optionNames);
  const state: PlaceState = stateOf.get(owner) ?? {
    lastAccess: Promise.resolve(),
    lastTurns: new Map(),
    wishes: new Map(),
    spoiledKeys: new Set(),
    watchers: new Set(),
  };
  stateOf.set(owner, state);
  const self = {};
  const { access, read, write } = createAccesses(place, state, run, self);

  return {
    read: (key) => access(key, () => read(key)),
    replace: (key, expected, text) =>
      access(key, async () => {
        if (((await read(key))?.revision ?? null) !== expected) return null;
        const revision = uniqueText();
        await write(key, { stored: `${revision} ${text}` });
        return revision;
      }),
    remove: (key) => access(key, () => write(key, { stored: null })),
    runAlone: createProgramTurns(state.lastTurns, clock),
    watch: (key, listener) => {
      const watcher = { storage: self, key, listener };
      state.watchers.add(watcher);
      const stop = place.watch?.(key, listener);
      return () => {
        state.watchers.delete(watcher);
        stop?.();
      };
    },
  };
}

/** Creates the accesses of the storage `self` to a place. */
function createAccesses(place: TextPlace, state: PlaceState, run: Bounds['run'], self: object) {
  function access<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const result = state.lastAccess.then(async () => {
      if (state.spoiledKeys.has(key)) await writeAgain(key);
      return task();
    });
    state.lastAccess = result.catch(() => undefined);
    return result;
  }
  async function read(key: string): Promise<StoredText | null> {
    const stored = await run(async () => place.get(key));
    if (typeof stored !== 'string') return null;
    const [revision = ''] = stored.split(' ', 1);
    return { revision, text: stored.slice(revision.length + 1) };
  }
  async function write(key: string, wish: Wish): Promise<void> {
    state.wishes.set(key, wish);
    let isOver = false;
    await run(async () => {
      try {
        await (wish.stored === null ? place.delete(key) : place.set(key, wish.stored));
      } finally {
        if (isOver && state.wishes.get(key) !== wish) {
          state.spoiledKeys.add(key);
          access(key, async () => undefined).catch(() => undefined);
        }
      }
    }).finally(() => (isOver = true));
    for (const { storage, key: watched, listener } of state.watchers) {
      // An error of the listener is not one of the write.
      if (storage !== self && watched === key) void Promise.resolve().then(listener);
    }
  }
  async function writeAgain(key: string): Promise<void> {
    state.spoiledKeys.delete(key);
    try {
      await write(key, { stored: state.wishes.get(key)?.stored ?? null });
    } catch (error) {
      state.spoiledKeys.add(key);
      throw error;
    }
  }
  return { access, read, write };
}
