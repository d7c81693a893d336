export { createSealedStore } from './sealed-store.ts';

export type { SealedStoreOptions } from './sealed-store.ts';
export type { SealingKey } from './sealing.ts';
export type { RecordReading, RecordStore, TokenStore } from './store-types.ts';
