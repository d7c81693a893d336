import type { StorageOptions } from './bounded-access.ts';
import type { DeviceStorage } from './device-storage.ts';
import { listen, onReturn, type PageEvents } from './page-events.ts';
import { createSharedTextStorage } from './text-storage.ts';

/** The options of {@link webStorage}. */
export interface WebStorageOptions extends StorageOptions {
  /** Returns the area. Default: `localStorage`. */
  readonly area?: (() => WebStorageArea) | undefined;
  /** What has the browser's events, which tests can replace. Default: `globalThis`. */
  readonly platform?: object | undefined;
}

/** The part of `localStorage` that this package uses. */
export interface WebStorageArea {
  getItem(key: string): string | null;
  setItem(key: string, text: string): void;
  removeItem(key: string): void;
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
  const { area = () => localStorage, platform = globalThis } = options;
  const events = platform as PageEvents;
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
    'platform',
  );
}
