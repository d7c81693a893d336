import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Secret } from '@valetkey/core-types';
import { createClient, createClientPool } from 'redis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findRedis, redisCommand } from '../testing/redis-server.ts';
import { nymblKey, serverToken } from '../testing/server-token.ts';
import { recordStoreConformance } from './record-store-conformance.ts';
import { createRedisRecords } from './redis-records.ts';
import { createRedisStore } from './redis-store.ts';

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

  function recordsOverClient() {
    return createRedisRecords({
      connect: async () => client,
      replace: () => undefined,
      close: async () => undefined,
    });
  }

  /** Waits until the clock of the server has advanced: that clock decides when records expire. */
  async function wait(milliseconds: number): Promise<void> {
    const records = recordsOverClient();
    const { nowMs: startMs } = await records.read(`${prefix}:clock`);
    await vi.waitUntil(async () => (await records.read(`${prefix}:clock`)).nowMs >= startMs + milliseconds, {
      timeout: 60_000,
      interval: 5,
    });
  }

  test.each(recordStoreConformance({ open: recordsOverClient, wait }))('createRedisRecords: $name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  test('stores with a url, a client and a pool read the tokens that the other stores wrote', async () => {
    const byUrl = createRedisStore({ url, sealingKeys, prefix, timeoutMs: 30_000 });
    await byUrl.connect();
    const stores = [
      byUrl,
      createRedisStore({ client, sealingKeys, prefix }),
      createRedisStore({ client: pool, sealingKeys, prefix }),
    ];
    for (const [index, writer] of stores.entries()) {
      const { nowMs } = await writer.read(nymblKey);
      const moments = { expiresAtMs: nowMs + 60_000, refreshAtMs: nowMs + 30_000, lifeMs: 60_000 };
      await writer.write(nymblKey, { token: serverToken(`token-${index}`), ...moments });
      for (const reader of stores) {
        const { stored } = await reader.read(nymblKey);
        expect(stored).toMatchObject(moments);
        expect(stored?.token).toHaveProperty('secret', serverToken(`token-${index}`).secret);
      }
    }
    await Promise.all(stores.map((store) => store.connect()));
    await Promise.all(stores.map((store) => store.close()));
    expect(client.isOpen).toBe(true);
    await expect(byUrl.read(nymblKey)).rejects.toBeInstanceOf(Error);
  });

  test('ping resolves while Redis responds, and rejects after the client was closed', async () => {
    const byUrl = createRedisStore({ url, sealingKeys, prefix, timeoutMs: 30_000 });
    const ownClient = createClient({ url });
    await ownClient.connect();
    const byClient = createRedisStore({ client: ownClient, sealingKeys, prefix });
    await expect(Promise.all([byUrl.ping(), byClient.ping()])).resolves.toBeDefined();
    await byUrl.close();
    ownClient.destroy();
    await expect(byClient.ping()).rejects.toBeInstanceOf(Error);
  });

  test('a read resolves even if it begins before the store is connected', async () => {
    const store = createRedisStore({ url, sealingKeys, prefix: `${prefix}-early`, timeoutMs: 30_000 });
    expect((await store.read(nymblKey)).stored).toBeUndefined();
    await store.close();
  });

  test('write rounds a fractional expiry down to a whole millisecond', async () => {
    const records = recordsOverClient();
    const id = `${prefix}:rounding`;
    const { nowMs } = await records.read(id);
    await records.write(id, 'value', nowMs + 60_000.9);
    expect(await redisCommand(url, 'PEXPIRETIME', id)).toBe(nowMs + 60_000);
  });

  test('add and replace accept a lifetime of less than a millisecond', async () => {
    const records = recordsOverClient();
    const id = `${prefix}:brief`;
    expect(await records.add(id, 'value', 0.5)).toBe(true);
    await wait(10);
    expect(await records.add(id, 'value', 60_000)).toBe(true);
    expect(await records.replace(id, 'value', 'value', 0.5)).toBe(true);
  });

  test('read returns no expiry for a record that never expires', async () => {
    const id = `${prefix}:endless`;
    await redisCommand(url, 'SET', id, 'value');
    const reading = await recordsOverClient().read(id);
    expect(reading.value).toBe('value');
    expect(reading.expiresAtMs).toBeUndefined();
  });
});

test('ping cancels its timer when Redis has responded', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const store = createRedisStore({ client: { eval: async () => 1 }, sealingKeys });
  const pinging = store.ping();
  expect(vi.getTimerCount()).toBe(1);
  await pinging;
  expect(vi.getTimerCount()).toBe(0);
});

test('ping rejects at its deadline while the server does not respond, and connect rejects after close', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void silent.close());
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const store = createRedisStore({ url: `redis://127.0.0.1:${port}`, sealingKeys, timeoutMs: 50 });
  await expect(store.ping()).rejects.toThrow('Redis did not respond within 50 ms.');
  await store.close();
  await expect(store.connect()).rejects.toBeInstanceOf(Error);
});

test('ping and reads reject with the cause while the server is unreachable, before their deadline', async () => {
  const store = createRedisStore({ url: 'redis://127.0.0.1:1', sealingKeys, timeoutMs: 30_000 });
  for (let count = 0; count < 2; count += 1) {
    await expect(store.ping()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(store.read(nymblKey)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }
  await store.close();
});

test('a store with the url of an unreachable server can be closed twice, and connect rejects afterwards', async () => {
  const store = createRedisStore({ url: 'redis://127.0.0.1:1', sealingKeys });
  await expect(store.close()).resolves.toBeUndefined();
  await expect(store.close()).resolves.toBeUndefined();
  await expect(store.connect()).rejects.toBeInstanceOf(Error);
});

test('createRedisStore refuses invalid options before it connects', () => {
  for (const refused of ['http://127.0.0.1', 'redis://127.0.0.1/no-number'])
    expect(() => createRedisStore({ url: refused, sealingKeys })).toThrow(TypeError);
});
