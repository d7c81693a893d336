export { indexedDbStorage } from './storage/indexed-db-storage.ts';
export { keychainStorage } from './storage/keychain-storage.ts';
export { memoryStorage } from './storage/memory-storage.ts';
export { secureStoreStorage } from './storage/secure-store-storage.ts';
export { createTextStorage } from './storage/text-storage.ts';
export { webStorage } from './storage/web-storage.ts';
export { ValetError } from './errors/valet-error.ts';
export { createNablaSession } from './vendors/nabla-session.ts';
export { createVitalSession } from './vendors/vital-session.ts';
export { createSession } from './session/session.ts';

export type { ValetClock } from './calls/clock.ts';
export type { DeviceStorage, StoredText, Turn } from './storage/device-storage.ts';
export type { NablaSession } from './vendors/nabla-session.ts';
export type { NablaSessionOptions } from './vendors/nabla-session-options.ts';
export type { VitalApiKeyUser, VitalSession, VitalStatus } from './vendors/vital-session.ts';
export type { VitalPlace, VitalSessionOptions } from './vendors/vital-session-options.ts';
export type { VitalTicket } from './vendors/vital-session-vendor.ts';
export type { StorageOptions } from './storage/bounded-access.ts';
export type { IndexedDbStorageOptions } from './storage/indexed-db-storage.ts';
export type { KeychainModule } from './storage/keychain-storage.ts';
export type { SecureStoreModule } from './storage/secure-store-storage.ts';
export type { WebStorageArea, WebStorageOptions } from './storage/web-storage.ts';
export type { TextPlace } from './storage/text-storage.ts';
export type { BrokerErrorCode, ClientErrorCode, ValetErrorCode, ValetErrorDetails } from './errors/valet-error.ts';
export type {
  AccessTokenOptions,
  Session,
  SessionCall,
  SessionCallOptions,
  SessionDetails,
  SessionOptions,
  SessionReason,
  SessionState,
  SessionStatus,
  SessionTokens,
  SessionVendor,
} from './session/session-types.ts';
