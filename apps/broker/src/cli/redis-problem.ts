import { once } from 'node:events';
import { codeOfForeignError } from '@valetkey/core-types';
import { assertStandaloneRedis, createRedisStore } from '@valetkey/token-cache/redis';
import type { Config } from '../config/config.ts';
import { describeRedisFailure } from '../storage/redis-failure.ts';

const maxExaminationMs = 3_000;

/** Connects to the configured Redis server and writes to it. Returns a description of the problem, or undefined. */
export async function findRedisProblem(options: NonNullable<Config['redis']>): Promise<string | undefined> {
  const { url, ...sealed } = options;
  const { createClient } = await import('redis');
  // Unlike the broker's own client, this one does not reconnect, so that it rejects with the first failure.
  const client = createClient({ url: url.reveal(), RESP: 2, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  const use = async (): Promise<void> => {
    await client.connect();
    await assertStandaloneRedis(client);
    await createRedisStore({ ...sealed, client, timeoutMs: maxExaminationMs }).ping();
  };
  const deadline = AbortSignal.timeout(maxExaminationMs);
  try {
    await Promise.race([use(), once(deadline, 'abort').then(() => deadline.throwIfAborted())]);
    return undefined;
  } catch (error) {
    return describeRedisFailure(codeOf(error));
  } finally {
    client.destroy();
  }
}

/** Returns the first word of an error that Redis sent, such as `WRONGPASS`, or the code of any other error. */
function codeOf(error: unknown): string {
  const reply = error instanceof Error ? /^[A-Z]{2,20}(?= )/.exec(error.message)?.[0] : undefined;
  return codeOfForeignError(error) ?? reply ?? 'no response';
}
