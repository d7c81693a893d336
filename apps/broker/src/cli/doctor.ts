import { once } from 'node:events';
import { ValetKeyError } from '@valetkey/core-types';
import type { Explanation, IssuerStatus } from '@valetkey/jwt-verify';
import type { RedisStore } from '@valetkey/token-cache/redis';
import { assemble, type AssembledBroker, type BrokerDependencies } from '../assemble.ts';
import type { Config, ConnectionConfig } from '../config/config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { createLogger } from '../telemetry/logger.ts';

const redisTimeoutMs = 3_000;

/** What the doctor found out about one part. */
export interface Finding {
  readonly part: string;
  readonly healthy: boolean;
  readonly detail: string;
}

/**
 * Verifies a token step by step with the configured identity providers and returns how each check went. The result can be
 * shown to anyone: it says nothing about the person.
 */
export async function explainToken(config: Config, token: string): Promise<Explanation> {
  // The configured store does not take part, so it need not be reachable.
  return useBroker(config, { store: createSqliteStore(':memory:') }, ({ parts }) => parts.verifier.explain(token));
}

/**
 * Checks whether everything that a configuration names is reachable and accepts our credentials: the store, Redis, each
 * identity provider and each connection.
 */
export async function examine(config: Config): Promise<Finding[]> {
  return useBroker(config, {}, async ({ parts: { store, redis, verifier } }) => {
    const issuers = verifier.warm();
    return [
      await find('store', () => store.check(), 'Check `store`.'),
      ...(redis === undefined ? [] : [await find('redis', () => reach(redis), 'Check `redis.url`.')]),
      ...(await issuers).map(describeIssuer),
      ...(await Promise.all(config.connections.flatMap(listProbes).map(probe))),
    ];
  });
}

async function useBroker<Result>(
  config: Config,
  dependencies: BrokerDependencies,
  work: (broker: AssembledBroker) => Promise<Result>,
): Promise<Result> {
  // Standard output is for the findings.
  const broker = assemble(config, { ...dependencies, logger: createLogger('silent') });
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

/** A connection with the credentials to try. */
interface Probe extends Pick<ConnectionConfig, 'name' | 'definition' | 'options'> {
  readonly part: string;
}

/** Returns one probe for each slot of a credential that is being rotated, because the vendor may refuse one of them. */
function listProbes({ name, definition, options }: ConnectionConfig): Probe[] {
  const part = `connection ${name}`;
  const slots = definition.credentials.flatMap((credential) => {
    const { current, next } = options[credential] as { current: unknown; next?: unknown };
    if (next === undefined) return [];
    return [
      { slot: `${credential}.current`, options: { ...options, [credential]: { current } } },
      { slot: `${credential}.next`, options: { ...options, [credential]: { current: next } } },
    ];
  });
  if (slots.length === 0) return [{ part, name, definition, options }];
  return slots.map(({ slot, options: only }) => ({ part: `${part} (${slot})`, name, definition, options: only }));
}

async function probe({ part, name, definition, options }: Probe): Promise<Finding> {
  const vendor = definition.create(options);
  try {
    return await find(part, async () => vendor.verify?.(), `Check the secrets under vendors.${name}.`);
  } finally {
    await vendor.close();
  }
}

async function find(part: string, check: () => Promise<void>, secretAdvice: string): Promise<Finding> {
  try {
    await check();
    return { part, healthy: true, detail: 'ok' };
  } catch (error) {
    return { part, healthy: false, detail: describeFailure(error, secretAdvice) };
  }
}

function describeFailure(error: unknown, secretAdvice: string): string {
  if (!ValetKeyError.isInstance(error)) return 'cannot be reached';
  const { code, message, reason, advice } = error;
  const usual = code === 'vendor_auth_failed' ? secretAdvice : '';
  return `${message} (${reason === undefined ? code : `${code}, ${reason}`}) ${advice ?? usual}`.trim();
}

function describeIssuer({ issuer, keys, lastFailure }: IssuerStatus): Finding {
  const part = `issuer ${issuer}`;
  if (keys > 0) return { part, healthy: true, detail: `${keys} keys` };
  return { part, healthy: false, detail: `has no usable keys (${lastFailure ?? 'none can be used'})` };
}

async function reach(redis: RedisStore): Promise<void> {
  const timeout = AbortSignal.timeout(redisTimeoutMs);
  await Promise.race([redis.connect(), once(timeout, 'abort').then(() => timeout.throwIfAborted())]);
}
