import { openRedisConnection, type RedisConnection } from './redis-connection.ts';
import { createRedisRecords } from './redis-records.ts';
import { parseRedisStoreOptions, type RedisStoreOptions } from './redis-store-options.ts';
import { createSealedStore } from './sealed-store.ts';
import type { RecordStore, TokenStore } from './store-types.ts';

/** A store in Redis. */
export interface RedisStore extends TokenStore {
  /**
   * Resolves once the store is connected. Calling it is optional: until then, the cache continues without Redis. Rejects
   * if the package `redis` cannot use the `url`, or if the store is closed.
   */
  readonly connect: () => Promise<void>;
  /** Sends one read to Redis. Rejects if Redis does not respond within `timeoutMs`. */
  readonly ping: () => Promise<void>;
}

/**
 * Creates a store that all replicas of one deployment share, in any Redis or Valkey server, over node-redis 6.
 *
 * Tokens are sealed (AES-256-GCM) and stored under hashed names. The store connects and reconnects in the background;
 * while Redis is away, each process keeps its own tokens. Throws a `TypeError` that names every invalid option, or says
 * that a `url` is given and the package `redis` is not installed.
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
  const { server, ...sealed } = parseRedisStoreOptions(options);
  const { connected, close }: RedisConnection =
    'client' in server
      ? { connected: Promise.resolve(server.client), close: async () => undefined }
      : openRedisConnection(server.url, sealed.timeoutMs);
  const records = createRedisRecords(() => connected, close);
  return {
    ...createSealedStore({ records, ...sealed }),
    connect: async () => {
      await connected;
    },
    ping: () => pingRecords(records, sealed.prefix, sealed.timeoutMs),
  };
}

async function pingRecords(records: RecordStore, prefix: string, timeoutMs: number): Promise<void> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Redis did not respond within ${timeoutMs} ms.`)), timeoutMs);
  try {
    await Promise.race([records.read(`${prefix}:ping`), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
