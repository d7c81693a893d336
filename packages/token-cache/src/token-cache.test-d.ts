import type { CacheableToken, ClientToken, ServerToken, TokenKey } from '@valetkey/core-types';
import { createClient, createClientPool, createCluster, createSentinel } from 'redis';
import { assertType, expectTypeOf, test } from 'vitest';
import type { TokenCache, TokenCacheOptions, TokenStore } from './index.ts';
import { createRedisStore, type RedisScripting, type SealingKey } from './redis.ts';
import type { RecordStore } from './store.ts';

declare const cache: TokenCache;
declare const key: TokenKey;
declare const serverToken: () => Promise<ServerToken>;
declare const accountToken: () => Promise<ClientToken<'account'>>;
declare const patientToken: () => Promise<ClientToken<'user'>>;
declare const anyClientToken: () => Promise<ClientToken>;
declare const eitherToken: () => Promise<ServerToken | ClientToken<'user'>>;
declare const sealingKeys: readonly SealingKey[];

test('answers the kind of token that is issued', () => {
  expectTypeOf(cache.get(key, serverToken)).resolves.toEqualTypeOf<ServerToken>();
  expectTypeOf(cache.get(key, accountToken)).resolves.toEqualTypeOf<ClientToken<'account'>>();
});

test('a token bound to a user does not fit in', () => {
  // @ts-expect-error never cache patient tokens
  void cache.get(key, patientToken);
  // @ts-expect-error a token whose binding is not known may be a patient's
  void cache.get(key, anyClientToken);
  // @ts-expect-error neither may it be one of two
  void cache.get(key, eitherToken);
  // @ts-expect-error not even when it is called something else
  void cache.get<ClientToken<'user'>>(key, patientToken);
  // @ts-expect-error nor reported as refused
  void patientToken().then((token) => cache.invalidate(key, token));
  // @ts-expect-error nor written to a store
  void patientToken().then((token) => assertType<Parameters<TokenStore['remove']>[1]>(token));
  expectTypeOf<ClientToken<'user'>>().not.toExtend<CacheableToken>();
});

test('takes no option that it does not know', () => {
  // @ts-expect-error the option is called refreshMarginSeconds
  assertType<TokenCacheOptions>({ refreshMarginMs: 5 });
  // @ts-expect-error records are sealed before they are a store
  assertType<TokenCacheOptions>({ store: {} as RecordStore });
});

test('takes whatever node-redis connects with', () => {
  assertType<RedisScripting>(createClient());
  assertType<RedisScripting>(createClient({ RESP: 2 }));
  assertType<RedisScripting>(createClientPool());
  assertType<RedisScripting>(createCluster({ rootNodes: [] }));
  assertType<RedisScripting>(createSentinel({ name: 'main', sentinelRootNodes: [] }));
  void createRedisStore({ client: createClient(), sealingKeys });
  // @ts-expect-error keys to seal with are no option
  void createRedisStore({ url: 'redis://127.0.0.1:6379' });
});
