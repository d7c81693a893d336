import { describeSchemaProblems, type Secret, secretSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { objectWithFunctions } from './object-schema.ts';
import type { RedisScripting } from './redis-records.ts';
import { sealedStoreShape } from './sealed-store.ts';
import { secretObjectSchema } from './sealing-keys.ts';

const notRedisUrl = { error: 'must be a redis: or rediss: URL' };
const notDatabaseNumber = { error: 'must have nothing but the number of the database after the port, such as /3' };
const notEscaped = { error: 'must have %25 for each % of the user and of the password' };

function toText(url: string | Secret): string {
  return typeof url === 'string' ? url : url.reveal();
}

function isRedisUrl(url: string | Secret): boolean {
  return /^rediss?:$/.test(URL.parse(toText(url))?.protocol ?? '');
}

/** Returns whether the URL has no other path. A query or a fragment would have no effect, such as `?db=3`. */
function endsInDatabaseNumber(url: string | Secret): boolean {
  const { pathname, search, hash } = URL.parse(toText(url)) ?? { pathname: '', search: '', hash: '' };
  return /^(\/\d*)?$/.test(pathname) && search === '' && hash === '';
}

/** The package `redis` decodes the user and the password. */
function hasReadableCredentials(url: string | Secret): boolean {
  const { username = '', password = '' } = URL.parse(toText(url)) ?? {};
  try {
    decodeURIComponent(`${username}:${password}`);
    return true;
  } catch {
    return false;
  }
}

/**
 * Parses the Redis store section of a configuration file. Secrets are strings in the file; the result holds `Secret`s.
 * Pass the result to `createRedisStore`.
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
    .refine(endsInDatabaseNumber, notDatabaseNumber)
    .refine(hasReadableCredentials, notEscaped)
    .describe('The URL of the Redis server: `redis[s]://[[username][:password]@]host[:port][/db-number]`.'),
  ...sealedStoreShape(secretSchema),
});

/** The Redis store section of a configuration file, as {@link redisStoreConfigSchema} returns it. */
export type RedisStoreConfig = z.output<typeof redisStoreConfigSchema>;

const optionsSchema = z.strictObject({
  ...sealedStoreShape(secretObjectSchema),
  url: z
    .union([z.string(), secretObjectSchema])
    .refine(isRedisUrl, notRedisUrl)
    .refine(endsInDatabaseNumber, notDatabaseNumber)
    .refine(hasReadableCredentials, notEscaped)
    .optional()
    .describe(
      'The URL of the Redis server: `redis[s]://[[username][:password]@]host[:port][/db-number]`. Required unless `client` is given. Needs the package `redis`.',
    ),
  client: objectWithFunctions<RedisScripting>(['eval'], 'must be a node-redis client')
    .optional()
    .describe(
      'Your own connected node-redis client, pool, cluster or sentinel. Required unless `url` is given. The store never closes it.',
    ),
});

/** The options of `createRedisStore`: the `url` of a server, or your own `client`. */
export type RedisStoreOptions = z.input<typeof optionsSchema>;

/** The options after validation, with their defaults filled in. `source` is the `url` or the `client`. */
export type ParsedRedisStoreOptions = Omit<z.output<typeof optionsSchema>, 'url' | 'client'> & {
  readonly source: { readonly client: RedisScripting } | { readonly url: string };
};

/** Throws a `TypeError` that names every invalid option, also if not exactly one of `url` and `client` is given. */
export function parseRedisStoreOptions(options: RedisStoreOptions): ParsedRedisStoreOptions {
  const { data, error } = optionsSchema.safeParse(options);
  if (error !== undefined) throw invalidOptions(describeSchemaProblems(error, optionsSchema));
  const { url, client, ...storeOptions } = data;
  if (url !== undefined && client === undefined) return { ...storeOptions, source: { url: toText(url) } };
  if (url === undefined && client !== undefined) return { ...storeOptions, source: { client } };
  throw invalidOptions('needs a `url` or a `client`, not both');
}

function invalidOptions(problem: string): TypeError {
  return new TypeError(`The options of the Redis store are invalid: ${problem}`);
}
