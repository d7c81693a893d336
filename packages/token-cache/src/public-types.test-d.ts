import type { CacheableToken, ClientToken, ServerToken, TokenKey } from '@valetkey/core-types';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { assertType, expectTypeOf, test } from 'vitest';
import type { TokenCache, TokenCacheOptions, TokenStore } from './index.ts';
import {
  createRedisStore,
  type RedisScripting,
  type RedisStoreConfig,
  type RedisStoreOptions,
  redisStoreConfigSchema,
  type SealingKey,
} from './redis.ts';
import type { RecordStore, SealedStoreOptions } from './store.ts';

declare const cache: TokenCache;
declare const key: TokenKey;
declare const serverToken: () => Promise<ServerToken>;
declare const accountToken: () => Promise<ClientToken<'account'>>;
declare const userToken: () => Promise<ClientToken<'user'>>;
declare const anyClientToken: () => Promise<ClientToken>;
declare const eitherToken: () => Promise<ServerToken | ClientToken<'user'>>;
declare const sealingKeys: readonly SealingKey[];

test('get resolves to the type of token that issue returns', () => {
  expectTypeOf(cache.get(key, serverToken)).resolves.toEqualTypeOf<ServerToken>();
  expectTypeOf(cache.get(key, accountToken)).resolves.toEqualTypeOf<ClientToken<'account'>>();
});

test('get, invalidate and a store do not compile with a user-bound token', () => {
  // @ts-expect-error a user-bound token must never be cached
  void cache.get(key, userToken);
  // @ts-expect-error a token of unknown binding may be user-bound
  void cache.get(key, anyClientToken);
  // @ts-expect-error one of two types is a user-bound token
  void cache.get(key, eitherToken);
  // @ts-expect-error the type parameter cannot be a user-bound token
  void cache.get<ClientToken<'user'>>(key, userToken);
  // @ts-expect-error a user-bound token cannot be reported as refused
  void userToken().then((token) => cache.invalidate(key, token));
  // @ts-expect-error a user-bound token cannot be passed to a store
  void userToken().then((token) => assertType<Parameters<TokenStore['remove']>[1]>(token));
  expectTypeOf<ClientToken<'user'>>().not.toExtend<CacheableToken>();
});

test('unknown options do not compile', () => {
  // @ts-expect-error the option is called refreshMarginSeconds
  assertType<TokenCacheOptions>({ refreshMarginMs: 5 });
  // @ts-expect-error records must be wrapped by a sealed store
  assertType<TokenCacheOptions>({ store: {} as RecordStore });
});

test('createRedisStore accepts every kind of node-redis client', () => {
  assertType<RedisScripting>(createClient());
  assertType<RedisScripting>(createClient({ RESP: 2 }));
  assertType<RedisScripting>(createClientPool());
  assertType<RedisScripting>(createCluster({ rootNodes: [] }));
  assertType<RedisScripting>(createSentinel({ name: 'main', sentinelRootNodes: [] }));
  void createRedisStore({ client: createClient(), sealingKeys });
  // @ts-expect-error sealing keys are required
  void createRedisStore({ url: 'redis://127.0.0.1:6379' });
});

test('options may be readonly, and createRedisStore accepts the result of redisStoreConfigSchema', () => {
  assertType<TokenCacheOptions>({} as Readonly<{ maxEntries: number; store: TokenStore | undefined }>);
  assertType<SealedStoreOptions>({} as Readonly<{ records: RecordStore; sealingKeys: readonly SealingKey[] }>);
  assertType<RedisStoreOptions>({} as Readonly<RedisStoreConfig>);
  expectTypeOf<Parameters<typeof createRedisStore>[0]>().toEqualTypeOf<RedisStoreOptions>();
  expectTypeOf(redisStoreConfigSchema.parse({})).toEqualTypeOf<RedisStoreConfig>();
  expectTypeOf<RedisStoreConfig['sealingKeys']>().toEqualTypeOf<readonly SealingKey[]>();
});
