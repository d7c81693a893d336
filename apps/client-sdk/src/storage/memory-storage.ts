import { createTextStorage } from './text-storage.ts';
import type { DeviceStorage } from './device-storage.ts';

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
export function memoryStorage(): DeviceStorage {
  const texts = new Map<string, string>();
  return createTextStorage({
    get: (key) => texts.get(key) ?? null,
    set: (key, text) => void texts.set(key, text),
    delete: (key) => void texts.delete(key),
  });
}
