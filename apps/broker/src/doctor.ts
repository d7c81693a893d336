import { once } from 'node:events';
import { ValetKeyError, type VendorDefinition } from '@valetkey/core-types';
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
  const { store, verifier, close } = openParts(config);
  try {
    const identity = verifier.warm();
    return [
      await find('store', () => store.check()),
      ...(config.redis === undefined ? [] : [await find('redis', () => reachRedis(config.redis))]),
      ...(await identity).map(describeIssuer),
      ...(await Promise.all(config.vendors.flatMap(describeCredentials).map(tryCredentials))),
    ];
  } finally {
    await close();
  }
}

interface Credentials {
  readonly part: string;
  readonly definition: VendorDefinition;
  readonly options: Record<string, unknown>;
}

/** What a vendor is called with: where a secret has two slots each is tried alone, for one of them is not in use yet. */
function describeCredentials({ definition, options }: BrokerConfig['vendors'][number]): Credentials[] {
  const part = `vendor ${definition.id}`;
  const slotted = Object.entries(options).flatMap(([option, value]) =>
    slotsOf(value).map(([slot, only]) => ({
      part: `${part} (${option}.${slot})`,
      definition,
      options: { ...options, [option]: only },
    })),
  );
  return slotted.length === 0 ? [{ part, definition, options }] : slotted;
}

/** Each slot of a secret as the secret that it is; none where there is one alone. */
function slotsOf(value: unknown): [string, object][] {
  if (typeof value !== 'object' || value === null || !('next' in value) || value.next === undefined) return [];
  const { next, ...current } = value;
  const isSecret = 'current' in current;
  return [
    ['current', current],
    ['next', isSecret ? { current: next } : { ...current, ...(next as object) }],
  ];
}

async function tryCredentials({ part, definition, options }: Credentials): Promise<Finding> {
  const vendor = definition.create(options as never);
  try {
    return await find(part, async () => vendor.verify?.());
  } finally {
    await vendor.close();
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
