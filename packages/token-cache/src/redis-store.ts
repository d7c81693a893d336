import { z } from 'zod';
import { assertInstalled } from './assert-installed.ts';
import { createRedisRecords, type RedisScripting } from './redis-records.ts';
import { createSealedStore, sealedStoreShape } from './sealed-store.ts';
import type { SealingKey } from './sealing.ts';
import type { RecordStore, TokenStore } from './store-types.ts';

/** How {@link createRedisStore} is set up: with the `url` of a server, or with a `client` of your own. */
export interface RedisStoreOptions {
  /** `redis[s]://[[username][:password]@][host][:port][/db-number]` */
  readonly url?: string | undefined;
  /** A connected node-redis client, pool, cluster or sentinel. It stays yours: closing the store leaves it open. */
  readonly client?: RedisScripting | undefined;
  /** The first seals; each opens. To rotate: add the new key at the end, then move it to the front, then drop the old. */
  readonly sealingKeys: readonly SealingKey[];
  /** Before each key in Redis, so that one server serves several deployments. Default `valetkey`. */
  readonly prefix?: string | undefined;
  /** Milliseconds that one call to Redis may take before the cache goes on without. Default 250. */
  readonly timeoutMs?: number | undefined;
}

/** A store in Redis. */
export interface RedisStore extends TokenStore {
  /**
   * Waits for the connection. Nobody has to: the cache goes on without Redis until it is there. Rejects if the package
   * `redis` cannot use the `url`, or the store was closed.
   */
  readonly connect: () => Promise<void>;
  /** Asks Redis something. Rejects if it does not answer within `timeoutMs`. */
  readonly ping: () => Promise<void>;
}

const optionsSchema = z.strictObject({
  ...sealedStoreShape,
  url: z
    .string()
    .refine((text) => /^rediss?:$/.test(URL.parse(text)?.protocol ?? ''), { error: 'must be a redis: or rediss: URL' })
    .optional(),
  client: z
    .custom<RedisScripting>((value) => typeof Reflect.get(Object(value), 'eval') === 'function', {
      error: 'must be a node-redis client',
    })
    .optional(),
});

const openClient = async (url: string, timeoutMs: number) => {
  const { createClient } = await import('redis');
  const client = createClient({
    url,
    // Every server speaks RESP2, also those from before Redis 6.
    RESP: 2,
    // What cannot be sent now is not worth sending later: the cache has gone on without it.
    disableOfflineQueue: true,
    // Together these end a connection whose other side is gone without a word.
    pingInterval: 5000,
    socket: {
      connectTimeout: 4 * timeoutMs,
      socketTimeout: 15_000,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1000) * (0.75 + Math.random() / 2),
    },
  });
  // A client without a listener throws its errors at the process. The calls that they spoil tell the cache.
  client.on('error', () => undefined);
  return client;
};

const ping = async (records: RecordStore, prefix: string, timeoutMs: number): Promise<void> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('Redis did not answer in time.')), timeoutMs);
  try {
    await Promise.race([records.read(`${prefix}:ping`), late]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * A store that all replicas of one deployment share, in any Redis or Valkey server, over node-redis 6.
 *
 * Tokens lie there sealed (AES-256-GCM) under hashed names. The connection opens by itself and comes back by itself;
 * while it is away, each process keeps its own tokens. Throws a `TypeError` that names what is wrong with the options, or
 * says that there is a `url` and the package `redis` is not installed.
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
export const createRedisStore = (options: RedisStoreOptions): RedisStore => {
  const parsed = optionsSchema.safeParse(options);
  if (!parsed.success)
    throw new TypeError(`The options of the Redis store are wrong.\n${z.prettifyError(parsed.error)}`);
  const { url, client, ...sealed } = parsed.data;

  if (client !== undefined) {
    const records = createRedisRecords(
      async () => client,
      async () => undefined,
    );
    return {
      ...createSealedStore({ records, ...sealed }),
      connect: async () => undefined,
      ping: () => ping(records, sealed.prefix, sealed.timeoutMs),
    };
  }
  if (url === undefined) throw new TypeError('The Redis store needs a `url` or a `client`.');
  // The cache goes on without Redis, whatever the reason, so this one would stay unknown for good.
  assertInstalled('redis');

  const opening = openClient(url, sealed.timeoutMs);
  const connected = opening.then((own) => own.connect());
  // Whoever calls the store hears of it; until then it is nobody's failure.
  connected.catch(() => undefined);
  const records = createRedisRecords(
    () => connected,
    // What was never opened, or is closed already, is closed.
    () => opening.then((own) => own.destroy()).catch(() => undefined),
  );
  return {
    ...createSealedStore({ records, ...sealed }),
    connect: async () => {
      await connected;
    },
    ping: () => ping(records, sealed.prefix, sealed.timeoutMs),
  };
};
