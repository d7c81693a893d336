declare module '@authgear/web' {
  import type { AuthgearContainer } from '@valetkey/client-sdk';

  const authgear: AuthgearContainer;
  export default authgear;
}

declare module 'expo-secure-store' {
  const AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: number;
  function getItemAsync(key: string): Promise<string | null>;
  function setItemAsync(key: string, value: string, options?: { keychainAccessible?: number }): Promise<void>;
  function deleteItemAsync(key: string): Promise<void>;
}

declare module 'react-native-keychain' {
  enum ACCESSIBLE {
    AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY = 'AccessibleAfterFirstUnlockThisDeviceOnly',
  }
  function getGenericPassword(options?: { service?: string }): Promise<false | { username: string; password: string }>;
  function setGenericPassword(
    username: string,
    password: string,
    options?: { service?: string; accessible?: ACCESSIBLE },
  ): Promise<false | { service: string }>;
  function resetGenericPassword(options?: { service?: string }): Promise<boolean>;
}
