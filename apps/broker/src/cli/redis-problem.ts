import { codeOfForeignError } from '@valetkey/core-types';
import { createRedisStore } from '@valetkey/token-cache/redis';
import type { Config } from '../config/config.ts';
import { identifyRedis } from '../storage/identify-redis.ts';
import { describeRedisFailure } from '../storage/redis-failure.ts';

const bounds = { maxPingMs: 10_000, maxIdentificationMs: 3_000 };

/** Connects to the configured Redis server and writes to it. Returns a description of the problem, or undefined. */
export async function findRedisProblem(
  options: NonNullable<Config['redis']>,
  { maxPingMs, maxIdentificationMs } = bounds,
): Promise<string | undefined> {
  // Loaded before the ping, whose deadline is for the server.
  await import('redis');
  const store = createRedisStore({ ...options, timeoutMs: maxPingMs });
  try {
    await store.ping();
    return undefined;
  } catch (error) {
    // Credentials or TLS that do not suit the server hide what it is.
    const identified = await identifyRedis(options.url.reveal(), AbortSignal.timeout(maxIdentificationMs));
    return describeRedisFailure(identified ?? codeOfForeignError(error) ?? 'timeout');
  } finally {
    await store.close();
  }
}
