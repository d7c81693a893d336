import { setTimeout } from 'node:timers/promises';
import { codeOfForeignError } from '@valetkey/core-types';
import { createRedisStore, type RedisStore } from '@valetkey/token-cache/redis';
import { ConfigError } from '../config/config-error.ts';
import type { Config } from '../config/config.ts';
import { isSentinel } from './identify-redis.ts';
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
const usualConnectMs = 1_000;

/** Throws {@link ConfigError} if Redis responds, and belongs to a topology that the broker does not support. */
export async function refuseUnsupportedRedis(
  redis: RedisStore | undefined,
  config: Config['redis'],
  maxConnectMs = usualConnectMs,
): Promise<void> {
  if (redis === undefined || config === undefined) return;
  const end = new AbortController();
  const refuseTopology = async () => {
    const code = await redis.connect().catch(codeOfForeignError);
    if (code === 'REDIS_CLUSTER' || code === 'REDIS_SENTINEL') refuse(code);
  };
  // The store never connects to a Sentinel that refuses the password or the database of the URL.
  const refuseSentinel = async () => {
    if (await isSentinel(config.url.reveal(), end.signal)) refuse('REDIS_SENTINEL');
  };
  try {
    await Promise.race([
      Promise.all([refuseTopology(), refuseSentinel()]),
      setTimeout(maxConnectMs, undefined, { signal: end.signal }),
    ]);
  } finally {
    end.abort();
  }
}

function refuse(code: string): never {
  throw new ConfigError([`redis.url: ${describeRedisFailure(code)}`]);
}
