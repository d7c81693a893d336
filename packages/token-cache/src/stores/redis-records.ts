import { codeOfForeignError } from '@valetkey/core-types';
import { toRedisFailure } from './redis-failure.ts';
import type { RecordStore } from './store-types.ts';

/**
 * The only function of a node-redis client, pool, cluster or sentinel that the store uses. Each call runs one script.
 */
export interface RedisScripting {
  readonly eval: (
    script: string,
    options: { readonly keys: string[]; readonly arguments: string[] },
  ) => Promise<unknown>;
}

// Only another program writes a value that is not a string. It is deleted, because GET would fail until it expires.
const readScript = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
  return { now }
end
return { now, redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]) }`;

const writeScript = `
redis.call('SET', KEYS[1], ARGV[1])
return redis.call('PEXPIREAT', KEYS[1], ARGV[2])`;

const addScript = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0`;

const replaceScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

const removeScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/**
 * The error replies about the role of a server: a replica, a server that loads its data, or a node of a cluster without
 * this key. After a failover, a new connection may lead to another server, which accepts the command.
 */
const roleReplies: ReadonlySet<unknown> = new Set([
  'READONLY',
  'MASTERDOWN',
  'LOADING',
  'NOREPLICAS',
  'CLUSTERDOWN',
  'MOVED',
  'ASK',
  'TRYAGAIN',
]);

/** The functions with which records reach a Redis server. */
export interface RedisConnection {
  /** Resolves to the client once it is connected. Rejects with the last failure while the client reconnects. */
  readonly connect: () => Promise<RedisScripting>;
  /** Ends the connection of a client whose server has the wrong role, so that the next call connects anew. */
  readonly replace: (client: RedisScripting) => void;
  readonly close: () => Promise<void>;
}

/** Creates a record store in a Redis or Valkey server. */
export function createRedisRecords({ connect, replace, close }: RedisConnection): RecordStore {
  async function run(script: string, id: string, ...values: readonly (string | number)[]): Promise<unknown> {
    let client: RedisScripting | undefined;
    try {
      client = await connect();
      return await client.eval(script, { keys: [id], arguments: values.map(String) });
    } catch (error) {
      const failure = toRedisFailure(error);
      if (client !== undefined && roleReplies.has(codeOfForeignError(failure))) replace(client);
      throw failure;
    }
  }

  return {
    read: async (id) => {
      const [nowMs, value, remainingMs] = (await run(readScript, id)) as [number, string?, number?];
      // PTTL is -1 for a record that never expires.
      if (value === undefined || remainingMs === undefined || remainingMs < 0) return { nowMs, value };
      return { nowMs, value, expiresAtMs: nowMs + remainingMs };
    },
    write: async (id, value, expiresAtMs) => {
      await run(writeScript, id, value, Math.floor(expiresAtMs));
    },
    add: async (id, value, lifetimeMs) => (await run(addScript, id, value, Math.ceil(lifetimeMs))) === 1,
    replace: async (id, expected, value, lifetimeMs) =>
      (await run(replaceScript, id, expected, value, Math.ceil(lifetimeMs))) === 1,
    remove: async (id, expected) => (await run(removeScript, id, expected)) === 1,
    close,
  };
}
