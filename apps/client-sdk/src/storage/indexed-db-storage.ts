import { parseStorageOptions, type StorageOptions } from './bounded-access.ts';
import type { DeviceStorage } from './device-storage.ts';
import { createItemDatabase, resultOf } from './indexed-db.ts';
import { createNotices } from './notices.ts';
import type { PageEvents } from './page-events.ts';
import { createSealingKey, seal, unseal, type SealedText, type SealingKey } from './sealed-text.ts';
import { createSharedTurns } from './shared-turns.ts';
import { uniqueText } from './unique-text.ts';

/** The functions of a browser that {@link indexedDbStorage} uses. React Native has no types of them. */
interface IndexedDbPlatform extends PageEvents {
  readonly indexedDB: IDBFactory;
  readonly crypto: Crypto;
  /** Absent: a tab polls for its turn. */
  readonly navigator?: { readonly locks?: LockManager | undefined } | undefined;
  /** Absent: a tab receives no notice of what the others write. */
  readonly BroadcastChannel?: typeof BroadcastChannel | undefined;
}

/** The options of {@link indexedDbStorage}. */
export interface IndexedDbStorageOptions extends StorageOptions {
  /** The name of the database. Default: `valetkey`. */
  readonly name?: string | undefined;
  /** What has the browser's functions, which tests can replace. Default: `globalThis`. */
  readonly platform?: object | undefined;
}

interface Entry extends SealedText {
  readonly revision: string;
}

/**
 * Creates a storage in IndexedDB, for all tabs of an origin. AES-GCM encrypts the texts with a key that script cannot read.
 * It needs a page that the browser deems secure: https, or localhost.
 *
 * @example
 * ```ts
 * import { indexedDbStorage } from '@valetkey/client-sdk/session';
 *
 * const storage = indexedDbStorage();
 * ```
 */
export function indexedDbStorage(options: IndexedDbStorageOptions = {}): DeviceStorage {
  const bounds = parseStorageOptions(options, 'indexedDbStorage', 'name', 'platform');
  const { name = 'valetkey' } = options;
  const platform = (options.platform ?? globalThis) as IndexedDbPlatform;
  const database = createItemDatabase(() => platform.indexedDB, name, bounds);
  const notices = createNotices(() => platform.BroadcastChannel, platform, `${name}.changes`);
  const find = (items: IDBObjectStore, key: string) =>
    Promise.all([
      resultOf<Entry | undefined>(items.get(['text', key])),
      resultOf<SealingKey | undefined>(items.get('key')),
    ]);

  return {
    read: (key) =>
      database.access(async (transact) => {
        const [entry, sealingKey] = await transact('readonly', (items) => find(items, key));
        if (entry === undefined) return null;
        return { revision: entry.revision, text: await unseal(platform.crypto, sealingKey, key, entry) };
      }),
    replace: async (key, expected, text) => {
      const revision = uniqueText();
      const isWritten = await database.access(async (transact) => {
        for (;;) {
          const [, storedKey] = await transact('readonly', (items) => find(items, key));
          // A transaction ends while its task waits for anything else, so the encryption comes first.
          const sealingKey = storedKey ?? (await createSealingKey(platform.crypto));
          const sealed = await seal(platform.crypto, sealingKey, key, text);
          const outcome = await transact('readwrite', async (items) => {
            const [entry, currentKey] = await find(items, key);
            const found = entry?.revision ?? null;
            // The connection was lost after an attempt that succeeded.
            if (found === revision) return true;
            if (found !== expected) return false;
            // Another tab created the key of the database.
            if (currentKey !== undefined && currentKey.id !== sealingKey.id) return undefined;
            if (currentKey === undefined) await resultOf(items.put(sealingKey, 'key'));
            await resultOf(items.put({ revision, ...sealed } satisfies Entry, ['text', key]));
            return true;
          });
          if (outcome !== undefined) return outcome;
        }
      });
      if (!isWritten) return null;
      notices.send(key);
      return revision;
    },
    remove: async (key) => {
      await database.access((transact) => transact('readwrite', (items) => resultOf(items.delete(['text', key]))));
      notices.send(key);
    },
    runAlone: createSharedTurns(database, bounds.clock, () => platform.navigator?.locks, name),
    watch: notices.watch,
  };
}
