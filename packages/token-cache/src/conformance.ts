// The entry `@valetkey/token-cache/conformance`.
export { createMemoryRecords } from './stores/memory-records.ts';
export { recordStoreConformance } from './stores/record-store-conformance.ts';

export type { ConformanceCheck, RecordStoreConformanceOptions } from './stores/record-store-conformance.ts';
