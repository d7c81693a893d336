import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret, type ServerToken, ValetKeyError } from '@valetkey/core-types';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createRedisStore } from '../stores/redis-store.ts';
import { type PrivateRedis, redisCommand, startPrivateRedis } from '../testing/redis-server.ts';
import { redisPassword, redisTroubles, withPassword } from '../testing/redis-troubles.ts';
import { createCountingIssue, nymblKey, serverToken, secretOf } from '../testing/server-token.ts';
import type { TokenCacheEvent } from './events.ts';
import { createTokenCache, type TokenCache } from './token-cache.ts';
import type { TokenCacheOptions } from './token-cache-options.ts';

const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
const redis = await startPrivateRedis();

/**
 * How long a test waits for a condition. The time is long, so that a busy machine delays a test and does not fail it.
 */
const patience = { timeout: 30_000, interval: 20 };

describe.skipIf(redis === undefined)('a cache over a Redis that fails', { timeout: 60_000 }, () => {
  const server = redis as PrivateRedis;
  const caches: TokenCache[] = [];
  let events: TokenCacheEvent[] = [];

  beforeAll(async () => {
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
  });

  afterEach(async () => {
    await Promise.all(caches.splice(0).map((cache) => cache.close()));
    events = [];
  });

  afterAll(() => server.stop());

  function open(url = server.url, timeoutMs = 30_000, options: TokenCacheOptions = {}): TokenCache {
    const store = createRedisStore({ url, sealingKeys, prefix: 'outage', timeoutMs });
    const cache = createTokenCache({ store, storeRetryMs: 200, onEvent: (event) => events.push(event), ...options });
    caches.push(cache);
    return cache;
  }

  const newKey = () => ({ ...nymblKey, scope: crypto.randomUUID() });

  /** Gets tokens until `stats().storeReachable` is `reachable`. */
  async function waitUntilReachable(cache: TokenCache, reachable: boolean): Promise<void> {
    await vi.waitUntil(async () => {
      await cache.get(newKey(), createCountingIssue());
      return cache.stats().storeReachable === reachable;
    }, patience);
  }

  /** Checks that a replica adopts the token of another replica. */
  async function expectShared(): Promise<void> {
    const [one, other] = [open(), open()];
    const issue = createCountingIssue();
    const key = newKey();
    await waitUntilReachable(one, true);
    await one.get(key, issue);
    await one.close();
    await other.get(key, issue);
    expect(issue.calls).toBe(1);
  }

  /** Checks that a get returns the vendor's token although the store is unreachable. */
  async function expectContinued(cache: TokenCache): Promise<void> {
    const issue = createCountingIssue();
    await cache.get(newKey(), issue);
    expect(issue.calls).toBe(1);
    expect(cache.stats()).toMatchObject({ failures: 0, storeReachable: false });
  }

  test.each(redisTroubles)(
    'a cache returns tokens while Redis $name, and replicas share tokens again afterwards',
    async ({ begin, end, reason }) => {
      const cache = open(server.url, 250);
      await waitUntilReachable(cache, true);
      events = [];
      await begin(server);
      await waitUntilReachable(cache, false);
      await expectContinued(cache);
      await expectContinued(cache);
      await expectContinued(open(server.url, 250));
      const reasons = events.flatMap((event) => (event.type === 'store_down' ? [event.reason] : []));
      expect(reasons).toEqual(expect.arrayContaining([reason]));
      await end(server);
      await waitUntilReachable(cache, true);
      expect(events.map(({ type }) => type)).toContain('store_up');
      await expectShared();
    },
  );

  test('a cache with a wrong password returns tokens without Redis', async () => {
    await server.command('CONFIG', 'SET', 'requirepass', redisPassword);
    await expectContinued(open(withPassword(server, 'sandbox-only-wrong'), 250));
    const cache = open(withPassword(server));
    await waitUntilReachable(cache, true);
    await redisCommand(withPassword(server), 'CONFIG', 'SET', 'requirepass', '');
    await expectShared();
  });

  test('a cache keeps its tokens after FLUSHALL, and another replica issues its own', async () => {
    await server.command('FLUSHALL');
    const [one, other] = [open(), open()];
    const key = newKey();
    const issue = createCountingIssue();
    await one.get(key, issue);
    await vi.waitUntil(async () => String(await server.command('KEYS', 'outage:*')).endsWith(':token'), patience);
    await server.command('FLUSHALL');
    expect(await secretOf(one.get(key, issue))).toBe('token-1');
    await other.get(key, issue);
    expect(issue.calls).toBe(2);
  });

  test('a replica that loses its lease to FLUSHALL during its call adopts the token of the next holder', async () => {
    const options = { leaseMs: 1500 };
    const [one, other] = [open(server.url, 30_000, options), open(server.url, 30_000, options)];
    let calls = 0;
    const issue = async (): Promise<ServerToken> => {
      calls += 1;
      if (calls > 1) return serverToken('second', 300);
      await server.command('FLUSHALL');
      // The vendor never responds to the first call, so the cache must notice that the lease is lost.
      return new Promise(() => undefined);
    };
    const key = newKey();
    const tokens = await Promise.all([secretOf(one.get(key, issue)), secretOf(other.get(key, issue))]);
    expect(tokens).toEqual(['second', 'second']);
    expect(calls).toBe(2);
    expect(events.filter(({ type }) => type === 'lease_lost')).toHaveLength(1);
  });

  test('values and types of another program in Redis cost one call to the vendor and no failure', async () => {
    const key = newKey();
    const issue = createCountingIssue();
    await server.command('FLUSHALL');
    const first = open();
    await first.get(key, issue);
    await first.close();
    const ids = (await server.command('KEYS', 'outage:*')) as string[];
    expect(ids).toEqual([expect.stringMatching(/^outage:\{[\w-]{43}\}:token$/)]);
    for (const bytes of ['', 'garbage', '{"token":1}', 'v1.test.', `v1.test.${'A'.repeat(80)}`, 'owner:x']) {
      for (const id of ids) await server.command('SET', id, bytes);
      for (const id of ids) await server.command('SET', id.replace(':token', ':lease'), bytes);
      const fresh = open();
      const before = issue.calls;
      await fresh.get(key, issue);
      expect(issue.calls, `after ${JSON.stringify(bytes)}`).toBe(before + 1);
      expect(fresh.stats()).toMatchObject({ failures: 0, storeFailures: 0 });
      await fresh.close();
    }
    for (const id of ids) {
      await server.command('DEL', id, id.replace(':token', ':lease'));
      await server.command('RPUSH', id, 'a list');
      await server.command('SADD', id.replace(':token', ':lease'), 'a set');
    }
    const fresh = open();
    const before = issue.calls;
    await fresh.get(key, issue);
    expect(issue.calls).toBe(before + 1);
    expect(fresh.stats().storeFailures).toBe(0);
    await fresh.close();
    await open().get(key, issue);
    expect(issue.calls).toBe(before + 1);
  });

  test('a dump of Redis contains no token, no part of a key and no text of a failure', async () => {
    await server.command('FLUSHALL');
    const cache = open();
    const secretKey = {
      vendor: 'nymbl',
      connection: 'canary-connection',
      client: 'canary-client',
      scope: 'canary-scope',
      resource: 'canary-resource',
    };
    await cache.get(secretKey, async () => serverToken('canary-token', 300));
    const failing = { ...secretKey, scope: 'canary-failing-scope' };
    const error = new ValetKeyError('vendor_unavailable', 'canary-detail');
    await expect(cache.get(failing, () => Promise.reject(error))).rejects.toBe(error);
    await cache.close();
    await server.command('SET', 'control', 'plain-control');
    await server.command('CONFIG', 'SET', 'rdbcompression', 'no');
    await server.command('SAVE');
    const dump = await readFile(join(server.folder, 'dump.rdb'), 'latin1');
    expect(dump).toContain('plain-control');
    expect(dump.match(/v1\.test\./g)?.length).toBeGreaterThanOrEqual(2);
    expect(dump).not.toMatch(/canary|nymbl|sandbox-only/);
  });
});

test('a cache returns tokens while the slots of its Redis cluster have no owner (CLUSTERDOWN)', async ({ skip }) => {
  const cluster = await startPrivateRedis('--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf');
  if (cluster === undefined) return skip();
  const events: TokenCacheEvent[] = [];
  const client = await createClient({ url: cluster.url }).connect();
  const store = createRedisStore({ client, sealingKeys, timeoutMs: 30_000 });
  const cache = createTokenCache({ store, onEvent: (event) => events.push(event) });
  await cache.get(nymblKey, createCountingIssue());
  expect(events).toContainEqual({ type: 'store_down', reason: 'CLUSTERDOWN' });
  await cache.close();
  client.destroy();
  await cluster.stop();
});

test('a cache returns tokens and closes while Redis is unreachable', async () => {
  const store = createRedisStore({ url: 'redis://127.0.0.1:1', sealingKeys });
  const cache = createTokenCache({ store });
  await cache.get(nymblKey, createCountingIssue());
  expect(cache.stats().storeReachable).toBe(false);
  await cache.close();
  await expect(store.connect()).rejects.toBeInstanceOf(Error);
});
