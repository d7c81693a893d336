import { openRedisClient } from './redis-client.ts';
import { createRedisRecords, type RedisConnection, type RedisScripting } from './redis-records.ts';
import { parseRedisStoreOptions, type RedisStoreOptions } from './redis-store-options.ts';
import { createSealedStore } from './sealed-store.ts';
import type { RecordStore, TokenStore } from './store-types.ts';

/** A store in a Redis or Valkey server. */
export interface RedisStore extends TokenStore {
  /**
   * Waits until the store is connected. Optional: the store connects in the background even without this call, and the
   * cache works without Redis until then. Rejects if the store is closed, or with the code `REDIS_CLUSTER` or
   * `REDIS_SENTINEL` if the `url` names a node of a cluster or a Sentinel.
   */
  readonly connect: () => Promise<void>;
  /** Checks the store with one write. Rejects if the write fails or takes longer than `timeoutMs`. */
  readonly ping: () => Promise<void>;
}

/**
 * Creates a store in a Redis or Valkey server for all replicas of one deployment. It uses node-redis 6.
 *
 * The store seals tokens (AES-256-GCM) and stores them under hashed names. It connects and reconnects in the
 * background. While Redis is unreachable, each process keeps its own tokens. If the server reports that it is a replica, a
 * store with a `url` connects anew, because a failover may have moved the primary.
 *
 * Throws a `TypeError` that names every invalid option, or if `url` is given and the package `redis` is not installed.
 *
 * @example
 * ```ts
 * import { Secret } from '@valetkey/core-types';
 * import { createTokenCache } from '@valetkey/token-cache';
 * import { createRedisStore } from '@valetkey/token-cache/redis';
 *
 * const sealingKeys = [{ id: '2026-11', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
 * const cache = createTokenCache({ store: createRedisStore({ url: 'redis://127.0.0.1:6379', sealingKeys }) });
 * await cache.close();
 * ```
 */
export function createRedisStore(options: RedisStoreOptions): RedisStore {
  const { source, ...storeOptions } = parseRedisStoreOptions(options);
  const connection =
    'client' in source ? useClient(source.client) : openRedisClient(source.url, storeOptions.timeoutMs);
  const records = createRedisRecords(connection);
  return {
    ...createSealedStore({ records, ...storeOptions }),
    connect: async () => {
      await connection.waitUntilConnected();
    },
    ping: () => pingRecords(records, storeOptions.prefix, storeOptions.timeoutMs),
  };
}

/** How long the record of a ping lives. Only a write detects a replica or a full server. */
const pingLifetimeMs = 1000;

/** The caller's own client, which only the caller connects and closes. */
function useClient(client: RedisScripting) {
  const doNothing = async () => undefined;
  return {
    connect: async () => client,
    waitUntilConnected: doNothing,
    replace: doNothing,
    close: doNothing,
  } satisfies RedisConnection & { waitUntilConnected: unknown };
}

async function pingRecords(records: RecordStore, prefix: string, timeoutMs: number): Promise<void> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Redis did not respond within ${timeoutMs} ms.`)), timeoutMs);
  try {
    await Promise.race([records.add(`${prefix}:ping`, '', pingLifetimeMs), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
