import { codeOfForeignError, ValetKeyError, type Vendor } from '@valetkey/core-types';
import type { IssuerStatus } from '@valetkey/jwt-verify';
import type { Egress } from '@valetkey/vendor-clients';
import { createVendor } from '../config/adapter.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config, ConnectionConfig } from '../config/config.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { findRedisProblem } from './redis-problem.ts';
import { findCreationProblem, findMissingFile } from './store-problem.ts';
import { useTemporaryBroker } from './temporary-broker.ts';
import { countOf } from './terminal.ts';

/** The result of examining one part of a broker. */
export interface Finding {
  readonly part: string;
  readonly healthy: boolean;
  readonly detail: string;
}

/**
 * Examines everything that a configuration names: the store, Redis, each identity provider and each connection. A part is
 * healthy if it responds and accepts the broker's credentials. Creates no file.
 */
export async function examine(config: Config): Promise<Finding[]> {
  const missingFile = await findMissingFile(config.store);
  const replaced = missingFile === undefined ? {} : { store: createSqliteStore(':memory:') };
  return useTemporaryBroker(config, replaced, async ({ parts: { store, verifier, egress } }) => {
    const issuerStatuses = verifier.warm();
    return [
      missingFile === undefined
        ? await examinePart('store', () => store.check())
        : await examineMissingFile(missingFile),
      ...(config.redis === undefined ? [] : [await examineRedis(config.redis)]),
      { part: 'egress', healthy: true, detail: egress.description },
      ...(await issuerStatuses).map(describeIssuer),
      ...(await Promise.all(config.connections.flatMap(listProbes).map((probe) => examineConnection(probe, egress)))),
    ];
  });
}

/** A connection with the credentials to try. */
interface ConnectionProbe extends Pick<ConnectionConfig, 'name' | 'definition' | 'options' | 'clientCertificate'> {
  readonly part: string;
}

/**
 * Returns one probe of a connection. While credentials are rotated, it returns one probe for each slot of them instead, because
 * the vendor may refuse only one slot.
 */
function listProbes({ name, definition, options, clientCertificate }: ConnectionConfig): ConnectionProbe[] {
  const part = `connection ${name}`;
  const slots = definition.credentials.flatMap((credential) => {
    const { current, next } = (options[credential] ?? {}) as { current?: unknown; next?: unknown };
    if (next === undefined) return [];
    return [
      { slot: `${credential}.current`, options: { ...options, [credential]: { current } } },
      { slot: `${credential}.next`, options: { ...options, [credential]: { current: next } } },
    ];
  });
  const shared = { name, definition, clientCertificate };
  if (slots.length === 0) return [{ ...shared, part, options }];
  return slots.map(({ slot, options: only }) => ({ ...shared, part: `${part} (${slot})`, options: only }));
}

function examineConnection({ part, ...connection }: ConnectionProbe, egress: Egress): Promise<Finding> {
  const verify = async () => {
    const vendor = createVendor(connection, { egress });
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

async function examineMissingFile(path: string): Promise<Finding> {
  const problem = await findCreationProblem(path);
  if (problem === undefined)
    return { part: 'store', healthy: true, detail: 'ok; `valetkey start` will create the file' };
  const detail = `the file does not exist and cannot be created (${problem}). Check \`store.sqlite\` in the configuration.`;
  return { part: 'store', healthy: false, detail };
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

function describeIssuer({ issuer, keys, lastFailure, lastFailureDetail }: IssuerStatus): Finding {
  const part = `issuer ${issuer}`;
  if (keys > 0) return { part, healthy: true, detail: countOf(keys, 'key') };
  const detail = `has no usable keys (${lastFailure ?? 'none can be used'})`;
  return { part, healthy: false, detail: lastFailureDetail === undefined ? detail : `${detail}. ${lastFailureDetail}` };
}
