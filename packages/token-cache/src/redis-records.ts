import type { RecordStore } from './store-types.ts';

/** The one command that is used of a node-redis client, cluster, pool or sentinel: each call is one script, one trip. */
export interface RedisScripting {
  readonly eval: (
    script: string,
    options: { readonly keys: string[]; readonly arguments: string[] },
  ) => Promise<unknown>;
}

// What is no string there was not put there by us; GET would fail on it for ever.
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

/** Records in any Redis or Valkey server. `connect` answers the client, once it has one. */
export const createRedisRecords = (connect: () => Promise<RedisScripting>, close: () => Promise<void>): RecordStore => {
  const run = async (script: string, id: string, ...values: readonly (string | number)[]): Promise<unknown> => {
    const client = await connect();
    return client.eval(script, { keys: [id], arguments: values.map(String) });
  };

  return {
    read: async (id) => {
      const [nowMs, value, remainingMs] = (await run(readScript, id)) as [number, string?, number?];
      // PTTL says -1 of a record that never ends.
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
};
