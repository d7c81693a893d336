import { codeOfForeignError } from '@valetkey/core-types';
import { assertInstalled } from './assert-installed.ts';
import { toRedisFailure } from './redis-failure.ts';
import type { RedisConnection, RedisScripting } from './redis-records.ts';
import { assertStandaloneRedis } from './redis-topology.ts';

const maxReconnectDelayMs = 1000;

/** The connection of a client that this package opens. */
interface OpenedRedisConnection extends RedisConnection {
  /** Resolves once the client is connected, however often it must try. Rejects if the server is a node of a cluster. */
  readonly waitUntilConnected: () => Promise<unknown>;
}

/**
 * Opens a client, which connects in the background and reconnects until it is closed.
 *
 * Throws a `TypeError` at once if the package `redis` is not installed. If only later calls rejected, the operator
 * might not notice, because the cache continues without Redis.
 */
export function openRedisClient(url: string, timeoutMs: number): OpenedRedisConnection {
  assertInstalled('redis');
  let current = open(url, timeoutMs);
  let connected: RedisScripting | undefined;
  return {
    connect: async () => {
      const failure = current.failure();
      if (failure !== undefined) throw failure;
      connected = await Promise.race([current.connected, current.firstFailure]);
      return connected;
    },
    waitUntilConnected: () => Promise.race([current.connected, current.refused]),
    replace: (client) => {
      if (client !== connected) return;
      connected = undefined;
      void current.close();
      current = open(url, timeoutMs);
    },
    close: () => {
      // A call that fails later must not open another client.
      connected = undefined;
      return current.close();
    },
  };
}

function open(url: string, timeoutMs: number) {
  const { promise: firstFailure, reject: fail } = Promise.withResolvers<never>();
  const { promise: refused, reject: refuse } = Promise.withResolvers<never>();
  let lastFailure: unknown;
  const creating = createRedisClient(url, timeoutMs, (failure) => {
    lastFailure = toRedisFailure(failure);
    if (lastFailure !== undefined) fail(lastFailure);
    // A node of a cluster refuses the number of a database before the client is connected.
    if (codeOfForeignError(lastFailure) === 'REDIS_CLUSTER') refuse(lastFailure);
  });
  const close = async (): Promise<void> => {
    try {
      (await creating).destroy();
    } catch {
      // The package `redis` cannot be loaded, or the client is closed already.
    }
  };
  const connect = async () => {
    const client = await (await creating).connect();
    try {
      await assertStandaloneRedis(client);
    } catch (error) {
      await close();
      throw error;
    }
    return client;
  };
  const connected = connect();
  // Every call of the store rejects with this failure. If there is no call, the rejection must not end the process.
  connected.catch(() => undefined);
  firstFailure.catch(() => undefined);
  refused.catch(() => undefined);
  // While the client reconnects, a call rejects at once and with the cause, instead of at its deadline.
  return { connected, refused, firstFailure, failure: () => lastFailure, close };
}

/** Creates a client. `onFailure` receives the failures of its connection, and `undefined` when the client is ready. */
async function createRedisClient(url: string, timeoutMs: number, onFailure: (failure: unknown) => void) {
  // A bundle gives the exports of a CommonJS package only as `default`.
  const { default: redis } = await import('redis');
  const client = redis.createClient({
    url,
    // Servers before Redis 6 speak only RESP2.
    RESP: 2,
    // A command that cannot be sent now is not sent later either: by then the cache has continued without Redis.
    disableOfflineQueue: true,
    // `pingInterval` and `socketTimeout` together close a socket if the server has stopped responding.
    pingInterval: 5000,
    socket: {
      connectTimeout: 4 * timeoutMs,
      socketTimeout: 15_000,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, maxReconnectDelayMs) * (0.75 + Math.random() / 2),
    },
  });
  // Without a listener, an error of the client would end the process. The cache learns of it from the calls that fail.
  // The client also reports errors that leave it connected, such as a refused PING.
  client.on('error', (failure) => onFailure(client.isReady ? undefined : failure));
  client.on('ready', () => onFailure(undefined));
  return client;
}
