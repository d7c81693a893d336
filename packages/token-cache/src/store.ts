// The entry `@valetkey/token-cache/store`, for stores of your own.
export { createSealedStore } from './stores/sealed-store.ts';

export type { SealedStoreOptions } from './stores/sealed-store.ts';
export type { SealingKey } from './stores/sealing-keys.ts';
export type { RecordReading, RecordStore, TokenStore } from './stores/store-types.ts';
