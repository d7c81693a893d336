export { createMemoryRecords } from './memory-records.ts';
export { recordStoreConformance } from './record-store-conformance.ts';

export type { ConformanceCheck, RecordStoreConformanceOptions } from './record-store-conformance.ts';
