import type { StorageOptions } from './bounded-access.ts';
import type { DeviceStorage } from './device-storage.ts';
import { listen, onReturn, type PageEvents } from './page-events.ts';
import { createSharedTextStorage } from './text-storage.ts';

/** The options of {@link webStorage}. */
export interface WebStorageOptions extends StorageOptions {
  /** Returns the area. Default: `localStorage`. */
  readonly area?: (() => Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>) | undefined;
  /** Where the browser dispatches `storage` and `pageshow`. Default: the page. */
  readonly events?: PageEvents | undefined;
}

const allAreas = {};

/**
 * Creates a storage in `localStorage`, for an app that is open in one tab: two tabs that refresh at once may use the same
 * refresh token twice. A sign-out reaches all tabs. The texts are not encrypted.
 *
 * @example
 * ```ts
 * import { webStorage } from '@valetkey/client-sdk/session';
 *
 * const untilTheTabCloses = webStorage({ area: () => sessionStorage });
 * ```
 */
export function webStorage(options: WebStorageOptions = {}): DeviceStorage {
  // A browser that forbids storage throws as soon as a page reads the variable `localStorage`.
  const { area = () => localStorage, events = globalThis } = options;
  return createSharedTextStorage(
    allAreas,
    {
      get: (key) => area().getItem(key),
      set: (key, text) => area().setItem(key, text),
      delete: (key) => area().removeItem(key),
      watch: (key, listener) => {
        const stopReturns = onReturn(events, listener);
        const stopChanges = listen(events, 'storage', (event) => {
          const changed = (event as StorageEvent).key;
          // Null: the area was cleared.
          if (changed === key || changed === null) listener();
        });
        return () => {
          stopReturns();
          stopChanges();
        };
      },
    },
    options,
    'webStorage',
    'area',
    'events',
  );
}
