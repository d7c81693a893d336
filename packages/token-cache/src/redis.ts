export { createRedisStore } from './redis-store.ts';

export type { RedisScripting } from './redis-records.ts';
export type { RedisStore, RedisStoreOptions } from './redis-store.ts';
export type { SealingKey } from './sealing.ts';
