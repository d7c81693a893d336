import { setTimeout } from 'node:timers/promises';
import { codeOfForeignError } from '@valetkey/core-types';
import { createRedisStore, type RedisStore } from '@valetkey/token-cache/redis';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { describeRedisFailure } from './redis-failure.ts';

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

/** How long the start waits for Redis. The broker also starts without it. */
const maxConnectMs = 1_000;

/** Throws {@link ConfigError} if Redis responds, and belongs to a topology that the broker does not support. */
export async function refuseUnsupportedRedis(redis: RedisStore | undefined): Promise<void> {
  if (redis === undefined) return;
  const end = new AbortController();
  try {
    await Promise.race([redis.connect(), setTimeout(maxConnectMs, undefined, { signal: end.signal })]);
  } catch (error) {
    const code = codeOfForeignError(error);
    if (code !== 'REDIS_CLUSTER' && code !== 'REDIS_SENTINEL') return;
    throw new ConfigError([`redis.url: ${describeRedisFailure(code)}`]);
  } finally {
    end.abort();
  }
}
