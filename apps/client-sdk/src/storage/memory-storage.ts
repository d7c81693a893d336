import type { StorageOptions } from './bounded-access.ts';
import type { DeviceStorage } from './device-storage.ts';
import { createTextStorage } from './text-storage.ts';

/**
 * Creates a storage that the end of the program erases. Use it where a session must not outlive the page, and in tests.
 *
 * @example
 * ```ts
 * import { memoryStorage } from '@valetkey/client-sdk/session';
 *
 * const storage = memoryStorage();
 * ```
 */
export function memoryStorage(options: StorageOptions = {}): DeviceStorage {
  const texts = new Map<string, string>();
  return createTextStorage(
    {
      get: (key) => texts.get(key),
      set: (key, text) => texts.set(key, text),
      delete: (key) => texts.delete(key),
    },
    options,
  );
}
