import { Secret } from '@valetkey/core-types';
import { createClient, createClientPool } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordStoreConformance } from './conformance.ts';
import { createTokenCache } from './index.ts';
import { createRedisRecords } from './redis-records.ts';
import { createRedisStore } from './redis.ts';
import { findRedis, redisCommand } from './testing/redis-server.ts';
import { countingIssue, nymblKey } from './testing/server-token.ts';

const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
const redis = await findRedis();
const url = redis?.url ?? '';
const prefix = `test-${crypto.randomUUID()}`;

describe.skipIf(redis === undefined)('a real Redis', () => {
  const client = createClient({ url });
  const pool = createClientPool({ url });

  beforeAll(async () => {
    await client.connect();
    await pool.connect();
  });

  afterAll(async () => {
    const left = (await redisCommand(url, 'KEYS', `${prefix}*`)) as string[];
    if (left.length > 0) await redisCommand(url, 'DEL', ...left);
    client.destroy();
    pool.destroy();
    await redis?.stop();
  });

  const overClient = () =>
    createRedisRecords(
      async () => client,
      async () => undefined,
    );

  test.each(recordStoreConformance({ open: overClient }))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  test('is reached by url, by client and by pool alike, and each sees what the others wrote', async () => {
    const byUrl = createRedisStore({ url, sealingKeys, prefix, timeoutMs: 5000 });
    await byUrl.connect();
    const stores = [
      byUrl,
      createRedisStore({ client, sealingKeys, prefix }),
      createRedisStore({ client: pool, sealingKeys, prefix }),
    ];
    const caches = stores.map((store) => createTokenCache({ store }));
    const issue = countingIssue();
    for (const cache of caches) await cache.get(nymblKey, issue);
    expect(issue.calls).toBe(1);
    await Promise.all(stores.map((store) => store.connect()));
    await Promise.all(caches.map((cache) => cache.close()));
    expect(client.isOpen).toBe(true);
    await expect(byUrl.read(nymblKey)).rejects.toBeInstanceOf(Error);
  });

  test('says how Redis is', async () => {
    const byUrl = createRedisStore({ url, sealingKeys, prefix });
    const client = createClient({ url });
    await client.connect();
    const byClient = createRedisStore({ client, sealingKeys, prefix });
    await expect(Promise.all([byUrl.ping(), byClient.ping()])).resolves.toBeDefined();
    await byUrl.close();
    client.destroy();
    await expect(byClient.ping()).rejects.toBeInstanceOf(Error);
  });

  test('may be used before it is connected', async () => {
    const cache = createTokenCache({
      store: createRedisStore({ url, sealingKeys, prefix: `${prefix}-early`, timeoutMs: 5000 }),
    });
    await cache.get(nymblKey, countingIssue());
    expect(cache.stats()).toMatchObject({ storeFailures: 0, storeReachable: true });
    await cache.close();
  });

  test('rounds moments so that no token lives longer for it', async () => {
    const records = overClient();
    const id = `${prefix}:rounding`;
    const { nowMs } = await records.read(id);
    await records.write(id, 'value', nowMs + 5000.9);
    expect((await records.read(id)).expiresAtMs).toBeLessThanOrEqual(nowMs + 5001);
    expect(await records.remove(id, 'value')).toBe(true);
    expect(await records.add(id, 'value', 0.5)).toBe(true);
    expect(await records.replace(id, 'value', 'value', 0.5)).toBeTypeOf('boolean');
  });

  test('a record without an end is told to have none', async () => {
    const id = `${prefix}:endless`;
    await redisCommand(url, 'SET', id, 'value');
    const reading = await overClient().read(id);
    expect(reading.value).toBe('value');
    expect(reading.expiresAtMs).toBeUndefined();
  });
});

test('nobody has to be there when it is made, nor when it is closed', async () => {
  const store = createRedisStore({ url: 'redis://127.0.0.1:1', sealingKeys });
  const cache = createTokenCache({ store });
  await cache.get(nymblKey, countingIssue());
  expect(cache.stats().storeReachable).toBe(false);
  await expect(store.ping()).rejects.toThrow('Redis did not answer in time.');
  await cache.close();
  await expect(store.connect()).rejects.toBeInstanceOf(Error);
});

test.each([
  ['that is not there', 'redis://127.0.0.1:1'],
  ['that the package redis cannot use', 'redis://127.0.0.1/no-number'],
])('closes without a complaint, and again, over a url %s', async (_, url) => {
  const store = createRedisStore({ url, sealingKeys });
  await expect(store.close()).resolves.toBeUndefined();
  await expect(store.close()).resolves.toBeUndefined();
  await expect(store.connect()).rejects.toBeInstanceOf(Error);
});

test.each([
  ['neither url nor client', {}, 'The Redis store needs a `url` or a `client`.'],
  ['a url of something else', { url: 'http://127.0.0.1' }, 'must be a redis: or rediss: URL'],
  ['a url that is close', { url: 'xredis://127.0.0.1' }, 'must be a redis: or rediss: URL'],
  ['a url that is close, too', { url: 'redisss://127.0.0.1' }, 'must be a redis: or rediss: URL'],
  ['a url that is none', { url: 'here' }, 'must be a redis: or rediss: URL'],
  ['a client that is none', { client: {} }, 'must be a node-redis client'],
  ['a client that is nothing', { client: null }, 'must be a node-redis client'],
  ['no keys', { url: 'redis://127.0.0.1', sealingKeys: undefined }, 'sealingKeys'],
  ['an unknown option', { url: 'redis://127.0.0.1', host: 'x' }, 'host'],
])('refuses %s', (_, options, named) => {
  const create = () => createRedisStore({ sealingKeys, ...options } as never);
  expect(create).toThrow(TypeError);
  expect(create).toThrow(named);
});

test('never quotes the password of a wrong url', () => {
  const create = () => createRedisStore({ url: 'https://user:canary@host', sealingKeys });
  expect(create).toThrow('The options of the Redis store are wrong.');
  expect(create).not.toThrow('canary');
});
