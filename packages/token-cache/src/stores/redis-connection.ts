import { assertInstalled } from './assert-installed.ts';
import type { RedisScripting } from './redis-records.ts';

/** A connection to a server that the store opened. */
export interface RedisConnection {
  /** Resolves to the client once it is connected. */
  readonly connected: Promise<RedisScripting>;
  /** Closes the connection. Never rejects, not even for a connection that never opened. */
  readonly close: () => Promise<void>;
}

const maxReconnectDelayMs = 1000;

/**
 * Opens a connection in the background, which reconnects until it is closed. Throws a `TypeError` if the package `redis`
 * is not installed: the cache continues without Redis, so a later failure would stay unknown.
 */
export function openRedisConnection(url: string, timeoutMs: number): RedisConnection {
  assertInstalled('redis');
  const creating = createRedisClient(url, timeoutMs);
  const connected = creating.then((client) => client.connect());
  // Each call of the store rejects with this failure; without a call it must not end the process.
  connected.catch(() => undefined);
  return { connected, close: () => creating.then((client) => client.destroy()).catch(() => undefined) };
}

async function createRedisClient(url: string, timeoutMs: number) {
  const { createClient } = await import('redis');
  const client = createClient({
    url,
    // Every server speaks RESP2, also the versions before Redis 6.
    RESP: 2,
    // A command that cannot be sent now is useless later: by then the cache has continued without it.
    disableOfflineQueue: true,
    // Together, these two close a connection whose other end vanished without a word.
    pingInterval: 5000,
    socket: {
      connectTimeout: 4 * timeoutMs,
      socketTimeout: 15_000,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, maxReconnectDelayMs) * (0.75 + Math.random() / 2),
    },
  });
  // Without a listener, the client's errors would end the process. The failing calls report them to the cache.
  client.on('error', () => undefined);
  return client;
}
