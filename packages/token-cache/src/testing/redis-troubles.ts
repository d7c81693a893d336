import { expect } from 'vitest';
import { type PrivateRedis, redisCommand } from './redis-server.ts';

/** Something that an operator may meet: while it lasts, Redis is of no use to a cache. */
export interface RedisTrouble {
  readonly name: string;
  /** The reason that a cache reports: text, or a matcher where it depends on the moment. */
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
    name: 'stands still (CLIENT PAUSE)',
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
    name: 'was killed',
    reason: anyReason,
    begin: (server) => server.kill(),
    end: (server) => server.restart(),
  },
];
