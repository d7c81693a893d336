import { describeSchemaProblems, type Secret, secretSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { objectWithFunctions } from './object-schema.ts';
import type { RedisScripting } from './redis-records.ts';
import { sealedStoreShape } from './sealed-store.ts';
import { secretObjectSchema } from './sealing-keys.ts';

const notRedisUrl = { error: 'must be a redis: or rediss: URL' };

function toText(url: string | Secret): string {
  return typeof url === 'string' ? url : url.reveal();
}

function isRedisUrl(url: string | Secret): boolean {
  return /^rediss?:$/.test(URL.parse(toText(url))?.protocol ?? '');
}

/**
 * Parses what an operator sets of a Redis store in a configuration file. Secrets are text there and become `Secret`s; the
 * result is accepted by `createRedisStore`.
 *
 * @example
 * ```ts
 * import { createRedisStore, redisStoreConfigSchema } from '@valetkey/token-cache/redis';
 *
 * const config = redisStoreConfigSchema.parse({
 *   url: 'redis://127.0.0.1:6379',
 *   sealingKeys: [{ id: '2026-11', secret: 'sandbox-only-sealing-key-of-32-characters' }],
 * });
 * const store = createRedisStore(config);
 * await store.close();
 * ```
 */
export const redisStoreConfigSchema = z.strictObject({
  url: secretSchema
    .refine(isRedisUrl, notRedisUrl)
    .describe('The server: `redis[s]://[[username][:password]@]host[:port][/db-number]`.'),
  ...sealedStoreShape(secretSchema),
});

/** What {@link redisStoreConfigSchema} returns. */
export type RedisStoreConfig = z.output<typeof redisStoreConfigSchema>;

const optionsSchema = z.strictObject({
  ...sealedStoreShape(secretObjectSchema),
  url: z
    .union([z.string(), secretObjectSchema])
    .refine(isRedisUrl, notRedisUrl)
    .optional()
    .describe(
      'The server: `redis[s]://[[username][:password]@]host[:port][/db-number]`. Required unless `client` is given. Needs the package `redis`.',
    ),
  client: objectWithFunctions<RedisScripting>(['eval'], 'must be a node-redis client')
    .optional()
    .describe('Your own connected node-redis client, pool, cluster or sentinel. Closing the store leaves it open.'),
});

/** The options of `createRedisStore`: the `url` of a server, or your own `client`. */
export type RedisStoreOptions = z.input<typeof optionsSchema>;

/** Parsed options, with the one server or client that the store uses. */
export type RedisStoreSettings = Omit<z.output<typeof optionsSchema>, 'url' | 'client'> & {
  readonly server: { readonly client: RedisScripting } | { readonly url: string };
};

/** Throws a `TypeError` that names every invalid option, or says that neither `url` nor `client` is given. */
export function parseRedisStoreOptions(options: RedisStoreOptions): RedisStoreSettings {
  const { data, error } = optionsSchema.safeParse(options);
  if (error !== undefined) {
    throw new TypeError(`The options of the Redis store are invalid: ${describeSchemaProblems(error)}`);
  }
  const { url, client, ...sealed } = data;
  if (client !== undefined) return { ...sealed, server: { client } };
  if (url === undefined) throw new TypeError('The options of the Redis store are invalid: needs a `url` or a `client`');
  return { ...sealed, server: { url: toText(url) } };
}
