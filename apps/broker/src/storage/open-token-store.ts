import { createRedisStore, type RedisStore } from '@valetkey/token-cache/redis';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';

/** Opens the Redis store in which several brokers share server tokens. It connects at the first use. */
export function openRedis(redis: NonNullable<Config['redis']>): RedisStore {
  try {
    return createRedisStore(redis);
  } catch (error) {
    if (error instanceof TypeError) throw new ConfigError([`redis: ${error.message}`]);
    throw error;
  }
}
