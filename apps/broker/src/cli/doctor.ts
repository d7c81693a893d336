import { codeOfForeignError, ValetKeyError, type Vendor } from '@valetkey/core-types';
import type { IssuerStatus } from '@valetkey/jwt-verify';
import { createVendor } from '../config/adapter.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config, ConnectionConfig } from '../config/config.ts';
import { findRedisProblem } from './redis-problem.ts';
import { useTemporaryBroker } from './temporary-broker.ts';

/** The result of examining one part of a broker. */
export interface Finding {
  readonly part: string;
  readonly healthy: boolean;
  readonly detail: string;
}

/**
 * Examines everything that a configuration names: the store, Redis, each identity provider and each connection. A part is
 * healthy if it responds and accepts the broker's credentials.
 */
export async function examine(config: Config): Promise<Finding[]> {
  return useTemporaryBroker(config, {}, async ({ parts: { store, verifier } }) => {
    const issuerStatuses = verifier.warm();
    return [
      await examinePart('store', () => store.check()),
      ...(config.redis === undefined ? [] : [await examineRedis(config.redis)]),
      ...(await issuerStatuses).map(describeIssuer),
      ...(await Promise.all(config.connections.flatMap(listProbes).map(examineConnection))),
    ];
  });
}

/** A connection with the credentials to try. */
interface ConnectionProbe extends Pick<ConnectionConfig, 'name' | 'definition' | 'options'> {
  readonly part: string;
}

/**
 * Returns one probe of a connection. While credentials are rotated, it returns one probe for each slot of them instead, because
 * the vendor may refuse only one slot.
 */
function listProbes({ name, definition, options }: ConnectionConfig): ConnectionProbe[] {
  const part = `connection ${name}`;
  const slots = definition.credentials.flatMap((credential) => {
    const { current, next } = (options[credential] ?? {}) as { current?: unknown; next?: unknown };
    if (next === undefined) return [];
    return [
      { slot: `${credential}.current`, options: { ...options, [credential]: { current } } },
      { slot: `${credential}.next`, options: { ...options, [credential]: { current: next } } },
    ];
  });
  if (slots.length === 0) return [{ part, name, definition, options }];
  return slots.map(({ slot, options: only }) => ({ part: `${part} (${slot})`, name, definition, options: only }));
}

function examineConnection({ part, ...connection }: ConnectionProbe): Promise<Finding> {
  const verify = async () => {
    const vendor = createVendor(connection);
    try {
      await vendor.verify?.();
    } finally {
      await closeQuietly(vendor);
    }
  };
  return examinePart(part, verify, `Check the secrets under vendors.${connection.name}.`);
}

/** Closes a vendor. A failure of that says nothing about the credentials. */
async function closeQuietly(vendor: Vendor): Promise<void> {
  try {
    await vendor.close();
  } catch {
    // The vendor was created only for this examination.
  }
}

async function examineRedis(options: NonNullable<Config['redis']>): Promise<Finding> {
  const problem = await findRedisProblem(options);
  return { part: 'redis', healthy: problem === undefined, detail: problem ?? 'ok' };
}

/** Runs the check of a part. `credentialAdvice` is for refused credentials about which the error has no advice. */
async function examinePart(part: string, check: () => Promise<void>, credentialAdvice = ''): Promise<Finding> {
  try {
    await check();
    return { part, healthy: true, detail: 'ok' };
  } catch (error) {
    return { part, healthy: false, detail: describeFailure(error, credentialAdvice) };
  }
}

function describeFailure(error: unknown, credentialAdvice: string): string {
  if (error instanceof ConfigError) return error.problems.join(' ');
  if (!ValetKeyError.isInstance(error)) return `cannot be examined (${codeOfForeignError(error) ?? 'unknown error'})`;
  const { code, message, reason, advice } = error;
  const usualAdvice = code === 'vendor_auth_failed' ? credentialAdvice : '';
  return `${message} (${reason === undefined ? code : `${code}, ${reason}`}) ${advice ?? usualAdvice}`.trim();
}

function describeIssuer({ issuer, keys, lastFailure }: IssuerStatus): Finding {
  const part = `issuer ${issuer}`;
  if (keys > 0) return { part, healthy: true, detail: `${keys} keys` };
  return { part, healthy: false, detail: `has no usable keys (${lastFailure ?? 'none can be used'})` };
}
