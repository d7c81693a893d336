import { createRedisStore, type RedisStore } from '@valetkey/token-cache/redis';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';

/**
 * Opens the store of the token cache that several brokers share: a Redis server. It connects at the first use. Throws
 * {@link ConfigError} if the options cannot be used together.
 */
export function openTokenStore(redis: NonNullable<Config['redis']>): RedisStore {
  try {
    return createRedisStore(redis);
  } catch (error) {
    if (error instanceof TypeError) throw new ConfigError([`redis: ${error.message}`]);
    throw error;
  }
}
