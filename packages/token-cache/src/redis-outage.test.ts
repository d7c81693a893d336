import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret, ValetKeyError } from '@valetkey/core-types';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createTokenCache, type TokenCache, type TokenCacheEvent } from './index.ts';
import { createRedisStore } from './redis.ts';
import { type PrivateRedis, requirePrivateRedis } from './testing/redis-server.ts';
import { countingIssue, nymblKey, serverToken } from './testing/server-token.ts';

const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
const redis = await requirePrivateRedis();

describe.skipIf(redis === undefined)('a Redis in trouble', () => {
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

  /** What is not about time gets a lot of it: the machine may be busy. */
  const open = async (url = server.url, timeoutMs = 250): Promise<TokenCache> => {
    const store = createRedisStore({ url, sealingKeys, prefix: 'outage', timeoutMs });
    const cache = createTokenCache({ store, storeRetryMs: 200, onEvent: (event) => events.push(event) });
    caches.push(cache);
    return cache;
  };

  const key = () => ({ ...nymblKey, scope: crypto.randomUUID() });

  /** Two replicas share a token: the store does its work. */
  const expectShared = async (): Promise<void> => {
    const [one, other] = [await open(server.url, 5000), await open(server.url, 5000)];
    const issue = countingIssue();
    const shared = key();
    await one.get(shared, issue);
    await vi.waitUntil(() => one.stats().storeReachable === true, { timeout: 2000 });
    await one.close();
    await other.get(shared, issue);
    expect(issue.calls).toBe(1);
  };

  /** A get goes well, in little more than the 250 ms that the store has. */
  const expectOnItsOwn = async (cache: TokenCache): Promise<void> => {
    const startMs = performance.now();
    const issue = countingIssue();
    await cache.get(key(), issue);
    expect(issue.calls).toBe(1);
    expect(performance.now() - startMs).toBeLessThan(250 + 500);
    expect(cache.stats()).toMatchObject({ failures: 0, storeReachable: false });
  };

  const reasons = () => events.flatMap((event) => (event.type === 'store_down' ? [event.reason] : []));

  test('stands still (CLIENT PAUSE): calls go on within 250 ms, and share again afterwards', async () => {
    const cache = await open();
    await cache.get(key(), countingIssue());
    await server.command('CLIENT', 'PAUSE', '1200', 'ALL');
    await expectOnItsOwn(cache);
    await expectOnItsOwn(cache);
    expect(reasons()).toContain('timeout');
    await new Promise((resolve) => void setTimeout(resolve, 1300));
    await cache.get(key(), countingIssue());
    expect(events.map(({ type }) => type)).toContain('store_up');
    await expectShared();
  });

  test('refuses the password, at the start and later', async () => {
    const cache = await open();
    await cache.get(key(), countingIssue());
    await server.command('CONFIG', 'SET', 'requirepass', 'sandbox-only-password');
    const withPassword = server.url.replace('//', '//:sandbox-only-password@');
    const late = await open(server.url.replace('//', '//:sandbox-only-wrong@'));
    await expectOnItsOwn(late);
    const admin = createClient({ url: withPassword, RESP: 2 });
    admin.on('error', () => undefined);
    await admin.connect();
    await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await vi.waitUntil(
      async () => {
        await cache.get(key(), countingIssue());
        return cache.stats().storeReachable === false;
      },
      { timeout: 3000 },
    );
    await expectOnItsOwn(cache);
    await admin.sendCommand(['CONFIG', 'SET', 'requirepass', '']);
    admin.destroy();
    await vi.waitUntil(
      async () => {
        await cache.get(key(), countingIssue());
        return cache.stats().storeReachable === true;
      },
      { timeout: 5000 },
    );
    await expectShared();
  });

  test('may not be written to (READONLY)', async () => {
    const cache = await open();
    await cache.get(key(), countingIssue());
    await server.command('REPLICAOF', '127.0.0.1', '1');
    await expectOnItsOwn(cache);
    expect(reasons()).toContain('READONLY');
    await server.command('REPLICAOF', 'NO', 'ONE');
    await expectShared();
  });

  test('is full (OOM)', async () => {
    const cache = await open();
    await cache.get(key(), countingIssue());
    await server.command('CONFIG', 'SET', 'maxmemory', '1');
    await expectOnItsOwn(cache);
    expect(reasons()).toContain('OOM');
    await server.command('CONFIG', 'SET', 'maxmemory', '0');
    await expectShared();
  });

  test('is flushed (FLUSHALL), also in the middle of an issue', async () => {
    await server.command('FLUSHALL');
    const [one, other] = [await open(server.url, 5000), await open(server.url, 5000)];
    const shared = key();
    const issue = countingIssue();
    await one.get(shared, issue);
    await vi.waitUntil(async () => String(await server.command('KEYS', 'outage:*')).endsWith(':token'));
    await server.command('FLUSHALL');
    expect((await one.get(shared, issue)).secret.reveal()).toBe('token-1');
    await other.get(shared, issue);
    expect(issue.calls).toBe(2);

    let flushed = false;
    const slow = async () => {
      if (!flushed) await server.command('FLUSHALL');
      flushed = true;
      await new Promise((resolve) => void setTimeout(resolve, 1200));
      return serverToken('slow', 300);
    };
    const second = key();
    const answers = await Promise.all([one.get(second, slow), other.get(second, slow)]);
    expect(answers.map(({ secret }) => secret.reveal())).toEqual(['slow', 'slow']);
  });

  test('holds foreign bytes and foreign types', async () => {
    const shared = key();
    const issue = countingIssue();
    await server.command('FLUSHALL');
    const first = await open(server.url, 5000);
    await first.get(shared, issue);
    await first.close();
    const ids = (await server.command('KEYS', 'outage:*')) as string[];
    expect(ids).toEqual([expect.stringMatching(/^outage:\{[\w-]{43}\}:token$/)]);
    for (const bytes of ['', 'garbage', '{"token":1}', 'v1.test.', `v1.test.${'A'.repeat(80)}`, 'owner:x']) {
      for (const id of ids) await server.command('SET', id, bytes);
      for (const id of ids) await server.command('SET', id.replace(':token', ':lease'), bytes);
      const fresh = await open(server.url, 5000);
      const before = issue.calls;
      await fresh.get(shared, issue);
      expect(issue.calls, `after ${JSON.stringify(bytes)}`).toBe(before + 1);
      expect(fresh.stats()).toMatchObject({ failures: 0, storeFailures: 0 });
      await fresh.close();
    }
    for (const id of ids) {
      await server.command('DEL', id, id.replace(':token', ':lease'));
      await server.command('RPUSH', id, 'a list');
      await server.command('SADD', id.replace(':token', ':lease'), 'a set');
    }
    const fresh = await open(server.url, 5000);
    const before = issue.calls;
    await fresh.get(shared, issue);
    expect(issue.calls).toBe(before + 1);
    expect(fresh.stats().storeFailures).toBe(0);
    await fresh.close();
    await (await open(server.url, 5000)).get(shared, issue);
    expect(issue.calls).toBe(before + 1);
  });

  test('holds no token, no scope and no client in clear', async () => {
    await server.command('FLUSHALL');
    const cache = await open(server.url, 5000);
    const secretKey = { vendor: 'nymbl', client: 'canary-client', scope: 'canary-scope', resource: 'canary-resource' };
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

  test('is killed and comes back', async () => {
    const cache = await open();
    await cache.get(key(), countingIssue());
    await server.kill();
    await expectOnItsOwn(cache);
    await expectOnItsOwn(await open());
    await server.restart();
    await vi.waitUntil(
      async () => {
        await cache.get(key(), countingIssue());
        return cache.stats().storeReachable === true;
      },
      { timeout: 5000, interval: 100 },
    );
    await expectShared();
  });
});

test("answers slots of a cluster that are nobody's (CLUSTERDOWN) by going on alone", async ({ skip }) => {
  const cluster = await requirePrivateRedis('--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf');
  if (cluster === undefined) return skip();
  const events: TokenCacheEvent[] = [];
  const store = createRedisStore({ url: cluster.url, sealingKeys });
  const cache = createTokenCache({ store, onEvent: (event) => events.push(event) });
  await cache.get(nymblKey, countingIssue());
  expect(events).toContainEqual({ type: 'store_down', reason: 'CLUSTERDOWN' });
  await cache.close();
  await cluster.stop();
});
