// The entry `@valetkey/token-cache/redis`.
export { createRedisStore } from './stores/redis-store.ts';
export { redisStoreConfigSchema } from './stores/redis-store-options.ts';

export type { RedisScripting } from './stores/redis-records.ts';
export type { RedisStore } from './stores/redis-store.ts';
export type { RedisStoreConfig, RedisStoreOptions } from './stores/redis-store-options.ts';
export type { SealingKey } from './stores/sealing-keys.ts';
