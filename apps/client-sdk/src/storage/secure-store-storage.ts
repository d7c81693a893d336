import type { StorageOptions } from './bounded-access.ts';
import type { DeviceStorage } from './device-storage.ts';
import { createSharedTextStorage } from './text-storage.ts';

/** The part of `expo-secure-store` that this package uses. */
export interface SecureStoreModule {
  readonly AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY?: number | undefined;
  getItemAsync(key: string): Promise<string | null>;
  setItemAsync(key: string, value: string, options: { keychainAccessible?: number }): Promise<void>;
  deleteItemAsync(key: string): Promise<void>;
}

/**
 * Creates a storage in Expo's SecureStore: the keychain of iOS, and preferences that a key of Android's Keystore encrypts.
 *
 * It rejects while the keychain is locked, which is until the first unlocking after a start of the device. The items never
 * move to another device. On iOS they survive a reinstallation of the app. SecureStore may refuse values above 2048 bytes on early versions
 * of iOS: the write then rejects. Source: https://docs.expo.dev/versions/latest/sdk/securestore/
 *
 * @example
 * ```ts
 * import { secureStoreStorage } from '@valetkey/client-sdk/session';
 * import * as SecureStore from 'expo-secure-store';
 *
 * const storage = secureStoreStorage(SecureStore);
 * ```
 */
export function secureStoreStorage(secureStore: SecureStoreModule, options: StorageOptions = {}): DeviceStorage {
  const { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: keychainAccessible } = secureStore;
  // The constant is absent on Android.
  const setOptions = keychainAccessible === undefined ? {} : { keychainAccessible };
  return createSharedTextStorage(
    secureStore,
    {
      get: (key) => secureStore.getItemAsync(secureStoreKey(key)),
      set: (key, text) => secureStore.setItemAsync(secureStoreKey(key), text, setOptions),
      delete: (key) => secureStore.deleteItemAsync(secureStoreKey(key)),
    },
    options,
    'secureStoreStorage',
  );
}

/** Returns another valid key of SecureStore for each key. It is never empty. */
function secureStoreKey(key: string): string {
  const encoded = key.replace(/[^A-Za-z0-9.-]/g, (unit) => `_${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return encoded === '' ? '_' : encoded;
}
