import type { StorageOptions } from './bounded-access.ts';
import type { DeviceStorage } from './device-storage.ts';
import { createSharedTextStorage } from './text-storage.ts';

/** The part of `react-native-keychain` that this package uses. */
export interface KeychainModule<Accessible = string> {
  readonly ACCESSIBLE: { readonly AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: Accessible };
  getGenericPassword(options: { service: string }): Promise<false | { password: string }>;
  setGenericPassword(
    username: string,
    password: string,
    options: { service: string; accessible: Accessible },
  ): Promise<unknown>;
  resetGenericPassword(options: { service: string }): Promise<boolean>;
}

/**
 * Creates a storage in `react-native-keychain`: the keychain of iOS, and texts that a key of Android's Keystore encrypts.
 *
 * It rejects while the keychain is locked, which is until the first unlocking after a start of the device. The items never
 * move to another device. On iOS they survive a reinstallation of the app.
 * Source: https://oblador.github.io/react-native-keychain/docs/usage
 *
 * @example
 * ```ts
 * import { keychainStorage } from '@valetkey/client-sdk/session';
 * import * as Keychain from 'react-native-keychain';
 *
 * const storage = keychainStorage(Keychain);
 * ```
 */
export function keychainStorage<Accessible>(
  keychain: KeychainModule<Accessible>,
  options: StorageOptions = {},
): DeviceStorage {
  const accessible = keychain.ACCESSIBLE.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY;
  return createSharedTextStorage(
    keychain,
    {
      get: async (service) => {
        const found = await keychain.getGenericPassword({ service });
        return found === false ? null : found.password;
      },
      set: async (service, text) => {
        const written = await keychain.setGenericPassword('valetkey', text, { service, accessible });
        if (written === false) throw new Error('The keychain did not write the text.');
      },
      delete: async (service) => {
        const removed = await keychain.resetGenericPassword({ service });
        if (!removed) throw new Error('The keychain did not remove the text.');
      },
    },
    options,
    'keychainStorage',
  );
}
