import { createRedisStore, type RedisStore } from '@valetkey/token-cache/redis';
import { ConfigError, type BrokerConfig } from './config.ts';

/** Opens the store that several brokers share their server tokens in, where one is configured. */
export function openTokenStore(redis: BrokerConfig['redis']): RedisStore | undefined {
  if (redis === undefined) return undefined;
  try {
    return createRedisStore({ ...redis, url: redis.url.reveal() });
  } catch (error) {
    if (error instanceof TypeError) throw new ConfigError([`redis: ${error.message}`]);
    throw error;
  }
}
