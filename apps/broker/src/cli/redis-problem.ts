import { once } from 'node:events';
import { codeOfForeignError } from '@valetkey/core-types';
import { assertStandaloneRedis, createRedisStore } from '@valetkey/token-cache/redis';
import type { Config } from '../config/config.ts';
import { describeRedisFailure } from '../storage/redis-failure.ts';

const maxExaminationMs = 3_000;

/** Connects to the configured Redis server and writes to it. Returns a description of the problem, or undefined. */
export async function findRedisProblem(options: NonNullable<Config['redis']>): Promise<string | undefined> {
  const { url, ...storeOptions } = options;
  const { createClient } = await import('redis');
  // Unlike the broker's own client, this one does not reconnect: its `connect` rejects with the first failure.
  const client = createClient({ url: url.reveal(), RESP: 2, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  const connectAndWrite = async (): Promise<void> => {
    await client.connect();
    await assertStandaloneRedis(client);
    // The deadline below replaces the configured `timeoutMs`, because a slow first write does not mean that a setting is wrong.
    await createRedisStore({ ...storeOptions, client, timeoutMs: maxExaminationMs }).ping();
  };
  const deadline = AbortSignal.timeout(maxExaminationMs);
  try {
    await Promise.race([connectAndWrite(), once(deadline, 'abort').then(() => deadline.throwIfAborted())]);
    return undefined;
  } catch (error) {
    return describeRedisFailure(codeOf(error));
  } finally {
    client.destroy();
  }
}

/**
 * Returns the code of an error. For an error reply of Redis without a code, returns its first word, such as `WRONGPASS`. For any
 * other error, such as the deadline's, returns `no response`.
 */
function codeOf(error: unknown): string {
  const reply = error instanceof Error ? /^[A-Z]{2,20}(?= )/.exec(error.message)?.[0] : undefined;
  return codeOfForeignError(error) ?? reply ?? 'no response';
}
