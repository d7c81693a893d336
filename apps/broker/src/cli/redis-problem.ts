import { once } from 'node:events';
import { codeOfForeignError } from '@valetkey/core-types';
import { createRedisStore } from '@valetkey/token-cache/redis';
import type { Config } from '../config/config.ts';

const maxExaminationMs = 3_000;

/** Connects to the configured Redis server and reads from it. Returns a description of the problem, or undefined. */
export async function findRedisProblem(options: NonNullable<Config['redis']>): Promise<string | undefined> {
  const { url, ...sealed } = options;
  const { createClient } = await import('redis');
  // Unlike the broker's own client, this one does not reconnect, so that it rejects with the first failure.
  const client = createClient({ url: url.reveal(), RESP: 2, socket: { reconnectStrategy: false } });
  client.on('error', () => undefined);
  const read = async (): Promise<void> => {
    await client.connect();
    await createRedisStore({ ...sealed, client, timeoutMs: maxExaminationMs }).ping();
  };
  const deadline = AbortSignal.timeout(maxExaminationMs);
  try {
    await Promise.race([read(), once(deadline, 'abort').then(() => deadline.throwIfAborted())]);
    return undefined;
  } catch (error) {
    return describeRedisFailure(error);
  } finally {
    client.destroy();
  }
}

function describeRedisFailure(error: unknown): string {
  const refusal = refusalOf(error);
  if (refusal !== undefined) {
    return `refuses the broker (${refusal}); check the user and password in \`redis.url\`, and that this user may call EVAL`;
  }
  return `is unreachable (${codeOfForeignError(error) ?? 'no response'}); check the host and port in \`redis.url\``;
}

/** Returns the first word of an error that Redis sent, such as `WRONGPASS`, or undefined for any other error. */
function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'RedisReplyError') return codeOfForeignError(error);
  return /^[A-Z]{2,20}(?= )/.exec(error.message)?.[0];
}
