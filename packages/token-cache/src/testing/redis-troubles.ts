import { expect } from 'vitest';
import { type PrivateRedis, redisCommand } from './redis-server.ts';

/** A state of Redis in which a cache cannot use it. */
export interface RedisTrouble {
  /** A description of the state, for the end of a test title. */
  readonly name: string;
  /** The `reason` of the event `store_down`: text, or a matcher if several reasons are possible. */
  readonly reason: unknown;
  readonly begin: (server: PrivateRedis) => Promise<unknown>;
  readonly end: (server: PrivateRedis) => Promise<unknown>;
}

export const redisPassword = 'sandbox-only-password';

/** Returns the server's URL with a password. */
export function withPassword(server: PrivateRedis, password = redisPassword): string {
  return server.url.replace('//', `//:${password}@`);
}

const anyReason: unknown = expect.any(String);

export const redisTroubles: readonly RedisTrouble[] = [
  {
    name: 'is paused (CLIENT PAUSE)',
    reason: 'timeout',
    begin: (server) => server.command('CLIENT', 'PAUSE', '3600000', 'WRITE'),
    end: (server) => server.command('CLIENT', 'UNPAUSE'),
  },
  {
    name: 'demands a password (NOAUTH)',
    reason: anyReason,
    begin: async (server) => {
      await server.command('CONFIG', 'SET', 'requirepass', redisPassword);
      await redisCommand(withPassword(server), 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
    end: (server) => redisCommand(withPassword(server), 'CONFIG', 'SET', 'requirepass', ''),
  },
  {
    name: 'refuses writes (READONLY)',
    reason: 'READONLY',
    begin: (server) => server.command('REPLICAOF', '127.0.0.1', '1'),
    end: (server) => server.command('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'is full (OOM)',
    reason: 'OOM',
    begin: (server) => server.command('CONFIG', 'SET', 'maxmemory', '1'),
    end: (server) => server.command('CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    name: 'has crashed',
    reason: anyReason,
    begin: (server) => server.kill(),
    end: (server) => server.restart(),
  },
];
