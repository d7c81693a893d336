import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '@valetkey/sandbox';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startPrivateRedis } from '../../../../packages/token-cache/src/testing/redis-server.ts';
import { createBroker } from '../../src/create-broker.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createPostgresSchema, isPostgresAvailable, postgresServerUrl } from '../support/postgres-server.ts';
import { createConfigFor } from '../support/recording-broker.ts';

const patience = { timeout: 30_000, interval: 20 };

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly store?: string;
  readonly reason?: string;
}

/** Starts a broker over a sandbox with `log.level: info`, and returns functions that call it and read its log. */
async function startBroker(config: object) {
  const sandbox = await createSandbox();
  const lines: LogLine[] = [];
  const logger = createLogger('info', { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
  const broker = createBroker(
    { ...createConfigFor(sandbox), admin: { port: 0, token: 'a-token-of-an-admin-1234567890ab' }, ...config },
    { logger },
  );
  onTestFinished(async () => {
    await broker.close();
    await sandbox.close();
  });
  const { brokerUrl, adminUrl } = await broker.listen();
  const token = await sandbox.mintUserToken({ sub: 'alice' });
  const headers = { authorization: `Bearer ${token}` };
  const statusOf = async (path: string, init: RequestInit = {}) =>
    (await fetch(`${brokerUrl}${path}`, { headers, ...init })).status;
  return {
    /** Asks the store for vendor users, decisions, blocks and readiness, and returns the statuses. */
    useEverything: async () => [
      await statusOf('/v1/vendors/vital/token', { method: 'POST' }),
      await statusOf('/v1/vendors/nabla/token', { method: 'POST' }),
      await statusOf('/v1/resolve'),
      await statusOf('/readyz'),
    ],
    callNymbl: () => statusOf('/v1/vendors/nymbl/proxy/Patients'),
    isReady: async () => (await statusOf('/readyz')) === 200,
    outages: () => lines.filter(({ msg }) => msg.startsWith('store is ')),
    countFailures: async (store: string) => {
      const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
      const counts = metrics.matchAll(
        new RegExp(`^valetkey_store_failures_total\\{store="${store}",reason="[^"]+"\\} (\\d+)$`, 'gm'),
      );
      return Array.from(counts, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
    },
    readRedisState: async () => {
      const response = await fetch(`${adminUrl}/readyz`);
      return ((await response.json()) as { redis?: string }).redis;
    },
  };
}

/** Starts an address before a server, which can refuse connections like a server that has stopped. */
async function startAddress(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let own = 0;
  let server: Server;
  const open = async () => {
    server = createServer((client) => {
      const upstream = connect(Number(port || 5432), hostname);
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.pipe(upstream).pipe(client);
    });
    await new Promise<void>((resolve) => server.listen(own, '127.0.0.1', resolve));
    own = (server.address() as AddressInfo).port;
  };
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await closed;
  };
  await open();
  onTestFinished(close);
  return { host: `127.0.0.1:${own}`, open, close };
}

const down = (store: string, level: number) => ({
  level,
  msg: 'store is unusable',
  store,
  reason: expect.stringMatching(/^\w+$/) as string,
  advice: expect.stringMatching(/\w/) as string,
});
const up = (store: string) => ({
  level: 40,
  msg: 'store is usable again',
  store,
  durationMs: expect.any(Number) as number,
  failures: expect.any(Number) as number,
});

describe.skipIf(!(await isPostgresAvailable()))('a broker over PostgreSQL', () => {
  test('logs once that PostgreSQL refuses connections, once that it is back, and counts each failure', async () => {
    await using schema = await createPostgresSchema();
    const address = await startAddress(postgresServerUrl);
    const url = new URL(schema.url);
    url.host = address.host;
    const broker = await startBroker({ store: { postgres: url.href, timeoutMs: 2_000 } });
    expect(await broker.useEverything()).toEqual([200, 200, 200, 200]);
    expect(broker.outages()).toEqual([]);

    await address.close();
    for (let count = 0; count < 5; count += 1) await broker.useEverything();
    await vi.waitUntil(async () => !(await broker.isReady()), patience);
    // The broker knows for two seconds that the user is not blocked.
    await vi.waitFor(async () => expect(await broker.useEverything()).toEqual([503, 503, 503, 503]), patience);
    expect(broker.outages()).toEqual([expect.objectContaining(down('database', 50))]);
    expect(await broker.countFailures('database')).toBeGreaterThanOrEqual(20);

    await address.open();
    await vi.waitUntil(broker.isReady, patience);
    expect(await broker.useEverything()).toEqual([200, 200, 200, 200]);
    expect(broker.outages()).toEqual([
      expect.objectContaining(down('database', 50)),
      expect.objectContaining(up('database')),
    ]);
  });
});

test('a broker over SQLite logs once that its file was removed, although reads still work, and once that it is back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'valetkey.sqlite');
  const broker = await startBroker({ store: { sqlite: path } });
  await broker.useEverything();
  await rename(path, join(folder, 'elsewhere'));
  for (let count = 0; count < 5; count += 1) {
    const [vital, nabla, resolve] = await broker.useEverything();
    expect([vital, nabla, resolve]).toEqual([503, 503, 200]);
  }
  expect(broker.outages()).toEqual([expect.objectContaining({ ...down('database', 50), reason: 'FILE_REPLACED' })]);
  expect(await broker.countFailures('database')).toBeGreaterThan(5);
  await rename(join(folder, 'elsewhere'), path);
  expect((await broker.useEverything()).slice(0, 3)).toEqual([200, 200, 200]);
  expect(broker.outages().slice(1)).toEqual([expect.objectContaining(up('database'))]);
});

test('a broker logs once that Redis has crashed and once that it is back, for tokens and for readiness', async ({
  skip,
}) => {
  const redis = await startPrivateRedis();
  if (redis === undefined) return skip();
  onTestFinished(() => redis.stop());
  const sealingKeys = [{ id: 'test', secret: randomBytes(32).toString('base64') }];
  const broker = await startBroker({
    store: { sqlite: ':memory:' },
    redis: { url: redis.url, sealingKeys, timeoutMs: 5_000 },
  });
  expect(await broker.callNymbl()).toBe(200);
  await vi.waitUntil(async () => (await broker.readRedisState()) === 'ok', patience);
  expect(broker.outages()).toEqual([]);
  await redis.kill();
  for (let count = 0; count < 5; count += 1) {
    expect(await broker.readRedisState()).toBe('unreachable');
    expect(await broker.callNymbl()).toBe(200);
  }
  expect(broker.outages()).toEqual([expect.objectContaining(down('redis', 40))]);
  expect(await broker.countFailures('redis')).toBeGreaterThanOrEqual(5);
  await redis.restart();
  await vi.waitUntil(async () => (await broker.readRedisState()) === 'ok', patience);
  expect(broker.outages()).toEqual([expect.objectContaining(down('redis', 40)), expect.objectContaining(up('redis'))]);
});

test('a broker does not start over a node of a Redis Cluster, and names the topology', async ({ skip }) => {
  const redis = await startPrivateRedis('--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf');
  if (redis === undefined) return skip();
  onTestFinished(() => redis.stop());
  const sealingKeys = [{ id: 'test', secret: randomBytes(32).toString('base64') }];
  await expect(startBroker({ store: { sqlite: ':memory:' }, redis: { url: redis.url, sealingKeys } })).rejects.toThrow(
    'redis.url: is a node of a Redis Cluster, which is not supported',
  );
});

test('`/readyz` reports a Redis that has become a replica, and the broker shares tokens again after the failover', async ({
  skip,
}) => {
  const redis = await startPrivateRedis();
  if (redis === undefined) return skip();
  onTestFinished(() => redis.stop());
  const sealingKeys = [{ id: 'test', secret: randomBytes(32).toString('base64') }];
  const broker = await startBroker({
    store: { sqlite: ':memory:' },
    redis: { url: redis.url, sealingKeys, timeoutMs: 5_000 },
  });
  await vi.waitUntil(async () => (await broker.readRedisState()) === 'ok', patience);
  await redis.command('REPLICAOF', '127.0.0.1', '1');
  expect(await broker.readRedisState()).toBe('unreachable');
  expect(broker.outages()).toEqual([expect.objectContaining({ ...down('redis', 40), reason: 'READONLY' })]);
  await redis.command('REPLICAOF', 'NO', 'ONE');
  await vi.waitUntil(async () => (await broker.readRedisState()) === 'ok', patience);
  expect(await broker.callNymbl()).toBe(200);
  await vi.waitUntil(async () => String(await redis.command('KEYS', '*')).includes(':token'), patience);
});
