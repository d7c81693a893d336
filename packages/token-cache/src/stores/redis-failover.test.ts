import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Secret } from '@valetkey/core-types';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTokenCache } from '../cache/token-cache.ts';
import { type PrivateRedis, startPrivateRedis, startSentinel } from '../testing/redis-server.ts';
import { createCountingIssue, nymblKey } from '../testing/server-token.ts';
import { createRedisStore } from './redis-store.ts';
import { assertStandaloneRedis } from './redis-topology.ts';

const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
const patience = { timeout: 30_000, interval: 20 };

async function start(...options: readonly string[]): Promise<PrivateRedis | undefined> {
  const server = await startPrivateRedis(...options);
  if (server !== undefined) onTestFinished(() => server.stop());
  return server;
}

/** Starts an address that leads each new connection to the current primary, and keeps the open connections. */
async function startAddress(primaryUrl: string) {
  let target = new URL(primaryUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead: (url: string) => {
      target = new URL(url);
    },
    connections: () => sockets.size / 2,
  };
}

describe('a pair of Redis servers', { timeout: 60_000 }, () => {
  test('replicas share tokens again after a failover that left their connections open, without a restart', async ({
    skip,
  }) => {
    const [one, two] = [await start(), await start()];
    if (one === undefined || two === undefined) return skip();
    await two.command('REPLICAOF', '127.0.0.1', new URL(one.url).port);
    const address = await startAddress(one.url);
    const open = () => {
      const store = createRedisStore({ url: address.url, sealingKeys, timeoutMs: 30_000 });
      const cache = createTokenCache({ store, storeRetryMs: 20 });
      onTestFinished(() => cache.close());
      return { store, cache };
    };
    const [first, second] = [open(), open()];
    const shares = async () => {
      const key = { ...nymblKey, scope: crypto.randomUUID() };
      const issue = createCountingIssue();
      await first.cache.get(key, issue);
      // The token is in Redis only after its lease has been released.
      await vi.waitUntil(() => first.cache.stats().renewals === 0, patience);
      await second.cache.get(key, issue);
      return issue.calls === 1;
    };
    expect(await shares()).toBe(true);
    expect(address.connections()).toBe(2);

    await two.command('REPLICAOF', 'NO', 'ONE');
    await one.command('REPLICAOF', '127.0.0.1', new URL(two.url).port);
    address.lead(two.url);
    await expect(first.store.ping()).rejects.toMatchObject({ code: 'READONLY' });
    await first.store.ping();
    await vi.waitUntil(shares, patience);
    await second.store.ping();
    expect(await two.command('DBSIZE')).toBeGreaterThan(0);
  });

  test('several calls that fail because of the same replica open one new connection', async ({ skip }) => {
    const [one, two] = [await start(), await start()];
    if (one === undefined || two === undefined) return skip();
    const address = await startAddress(one.url);
    const store = createRedisStore({ url: address.url, sealingKeys, timeoutMs: 30_000 });
    onTestFinished(() => store.close());
    await store.ping();
    await one.command('REPLICAOF', '127.0.0.1', new URL(two.url).port);
    address.lead(two.url);
    const pings = await Promise.allSettled(Array.from({ length: 10 }, () => store.ping()));
    expect(new Set(pings.map(({ status }) => status))).toEqual(new Set(['rejected']));
    await store.ping();
    expect(address.connections()).toBe(2);
  });
});

test('a store refuses the URL of a cluster node by name', async ({ skip }) => {
  const server = await start('--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf');
  if (server === undefined) return skip();
  const store = createRedisStore({ url: server.url, sealingKeys, timeoutMs: 30_000 });
  await expect(store.connect()).rejects.toMatchObject({ code: 'REDIS_CLUSTER' });
  await expect(store.ping()).rejects.toMatchObject({ code: 'REDIS_CLUSTER' });
  await store.close();
});

test('a store refuses the URL of a cluster node by name although the node already refuses the database of the URL', async ({
  skip,
}) => {
  const server = await start('--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf');
  if (server === undefined) return skip();
  const store = createRedisStore({ url: `${server.url}/1`, sealingKeys, timeoutMs: 30_000 });
  onTestFinished(() => store.close());
  await expect(store.connect()).rejects.toMatchObject({ code: 'REDIS_CLUSTER' });
  await expect(store.ping()).rejects.toMatchObject({ code: 'REDIS_CLUSTER' });
});

test.for([
  ['a database that the server does not have', [], (url: string) => `${url}/99`, 'REDIS_DATABASE'],
  [
    'a password that the server does not have',
    [],
    (url: string) => url.replace('//', '//:canary@'),
    'REDIS_NO_PASSWORD',
  ],
  ['EVAL under another name', ['--rename-command', 'EVAL', ''], (url: string) => url, 'REDIS_COMMAND'],
] as const)('a store reports %s by its code', async ([, options, urlOf, code], { skip }) => {
  const server = await start(...options);
  if (server === undefined) return skip();
  const store = createRedisStore({ url: urlOf(server.url), sealingKeys, timeoutMs: 30_000 });
  onTestFinished(() => store.close());
  await expect(store.ping()).rejects.toMatchObject({ code });
});

test('a store reports a user who may call EVAL and no command in a script as one without permission', async ({
  skip,
}) => {
  const server = await start();
  if (server === undefined) return skip();
  await server.command('ACL', 'SETUSER', 'broker', 'on', 'nopass', '~*', '+eval');
  const store = createRedisStore({ url: server.url.replace('//', '//broker:any@'), sealingKeys, timeoutMs: 30_000 });
  onTestFinished(() => store.close());
  await expect(store.ping()).rejects.toMatchObject({ code: 'NOPERM' });
});

test(
  'a store continues to use a connection on which only the PING of its client is refused',
  { timeout: 60_000 },
  async ({ skip }) => {
    const server = await start();
    if (server === undefined) return skip();
    await server.command('ACL', 'SETUSER', 'broker', 'on', 'nopass', '~*', '+@all', '-ping');
    const store = createRedisStore({ url: server.url.replace('//', '//broker:any@'), sealingKeys, timeoutMs: 30_000 });
    onTestFinished(() => store.close());
    await store.ping();
    // The client sends PING every five seconds.
    await vi.waitUntil(
      async () => /cmdstat_ping:.*rejected_calls=[1-9]/.test(String(await server.command('INFO', 'commandstats'))),
      patience,
    );
    await expect(store.ping()).resolves.toBeUndefined();
  },
);

test('a store refuses the URL of a Sentinel by name', async ({ skip }) => {
  const server = await start();
  if (server === undefined) return skip();
  const sentinel = await startSentinel(server);
  onTestFinished(() => sentinel.stop());
  const store = createRedisStore({ url: sentinel.url, sealingKeys, timeoutMs: 30_000 });
  await expect(store.connect()).rejects.toMatchObject({ code: 'REDIS_SENTINEL' });
  await store.close();
});

test.each([
  ['redis_version:7.0.15\r\nredis_mode:sentinel\r\nos:Linux', 'REDIS_SENTINEL'],
  ['redis_version:7.0.15\nredis_mode:cluster\nos:Linux', 'REDIS_CLUSTER'],
])('assertStandaloneRedis refuses the server %j with the code %s', async (info, code) => {
  await expect(assertStandaloneRedis({ sendCommand: async () => info })).rejects.toMatchObject({ code });
});

test.each([
  ['whose mode is standalone', async () => 'redis_mode:standalone\r\n'],
  ['that does not permit INFO', () => Promise.reject(new Error('NOPERM'))],
])('assertStandaloneRedis accepts a server %s', async (_, sendCommand) => {
  await assertStandaloneRedis({ sendCommand });
});
