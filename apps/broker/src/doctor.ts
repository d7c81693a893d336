import { once } from 'node:events';
import { ValetKeyError } from '@valetkey/core-types';
import type { Explanation, IssuerStatus } from '@valetkey/jwt-verify';
import { parseConfig, type BrokerConfig } from './config.ts';
import { openParts } from './parts.ts';
import { openTokenStore } from './token-store.ts';

const redisPatienceMs = 3_000;

/** What the doctor found of one part, and what is wrong with it. */
export interface Finding {
  readonly part: string;
  readonly healthy: boolean;
  readonly detail: string;
}

/** Takes a token through every check of the configured identity providers. Safe to show: it tells nothing of the person. */
export async function explainToken(input: unknown, token: string): Promise<Explanation> {
  // The store has no say in it, and need not even be there.
  const parts = openParts(parseConfig({ ...(input as object), store: { sqlite: ':memory:' } }));
  try {
    return await parts.verifier.explain(token);
  } finally {
    await parts.close();
  }
}

/**
 * Asks everything that a configuration names whether it is there and takes our credentials: the store, Redis, each
 * identity provider, each vendor. Throws `ConfigError` for a configuration that cannot be used.
 */
export async function examine(input: unknown): Promise<Finding[]> {
  const config = parseConfig(input);
  const { store, connected, verifier, close } = openParts(config);
  try {
    const identity = verifier.warm();
    return [
      await find('store', () => store.check()),
      ...(config.redis === undefined ? [] : [await find('redis', () => reachRedis(config.redis))]),
      ...(await identity).map(describeIssuer),
      ...(await Promise.all(
        [...connected.values()].map(({ vendor }) => find(`vendor ${vendor.id}`, async () => vendor.verify?.())),
      )),
    ];
  } finally {
    await close();
  }
}

async function find(part: string, ask: () => Promise<void>): Promise<Finding> {
  try {
    await ask();
    return { part, healthy: true, detail: 'ok' };
  } catch (error) {
    return { part, healthy: false, detail: describeFailure(part, error) };
  }
}

function describeFailure(part: string, error: unknown): string {
  if (!ValetKeyError.isInstance(error)) return 'cannot be reached';
  const { code, message, reason, advice } = error;
  const usual = code === 'vendor_auth_failed' ? `Look at the secrets under vendors.${part.split(' ')[1]}.` : '';
  return `${message} (${reason === undefined ? code : `${code}, ${reason}`}) ${advice ?? usual}`.trim();
}

function describeIssuer({ issuer, keys, lastFailure }: IssuerStatus): Finding {
  const part = `issuer ${issuer}`;
  if (keys > 0) return { part, healthy: true, detail: `${keys} keys` };
  return { part, healthy: false, detail: `gave no keys (${lastFailure ?? 'none can be used'})` };
}

async function reachRedis(redis: BrokerConfig['redis']): Promise<void> {
  const tokens = openTokenStore(redis);
  try {
    const tooLate = AbortSignal.timeout(redisPatienceMs);
    await Promise.race([tokens?.connect(), once(tooLate, 'abort').then(() => tooLate.throwIfAborted())]);
  } finally {
    await tokens?.close();
  }
}
