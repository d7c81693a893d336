import { randomUUID } from 'node:crypto';
import { codeOfForeignError, ValetKeyError, type Vendor, type Verification } from '@valetkey/core-types';
import type { IssuerStatus, JwtVerifier } from '@valetkey/jwt-verify';
import type { Egress } from '@valetkey/vendor-clients';
import { createVendor } from '../config/adapter.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Config, ConnectionConfig } from '../config/config.ts';
import { listCertificates } from '../config/listener-tls.ts';
import type { ReferenceUse } from '../config/references.ts';
import { planStoreMigration } from '../storage/migrate-store.ts';
import { describeLaterVersion } from '../storage/sql-schema.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import type { Store } from '../storage/store.ts';
import { findRedisProblem } from './redis-problem.ts';
import { findCreationProblem, findMissingFile } from './store-problem.ts';
import { useTemporaryBroker } from './temporary-broker.ts';
import { countOf } from './terminal.ts';

/** The result of examining one part of a broker. */
export interface Finding {
  readonly part: string;
  /** `not_checked`: the part responds, but not all of its credentials could be checked. */
  readonly outcome: 'passed' | 'failed' | 'not_checked';
  readonly detail: string;
}

/**
 * Examines everything that a configuration names: the store, Redis, each identity provider and each connection. A part
 * passes if it responds and accepts the broker's credentials. Creates no file.
 */
export async function examine(config: Config): Promise<Finding[]> {
  const missingFile = await findMissingFile(config.store);
  const replaced = missingFile === undefined ? {} : { store: createSqliteStore(':memory:') };
  return useTemporaryBroker(config, replaced, async ({ parts: { store, verifier, operatorVerifier, egress } }) => {
    const issuerStatuses = verifier.warm();
    const operatorStatuses = operatorVerifier?.warm();
    return [
      missingFile === undefined
        ? await examinePart('store', () => examineStore(store, config.store))
        : await examineMissingFile(missingFile),
      ...(config.redis === undefined ? [] : [await examineRedis(config.redis)]),
      ...listCertificates(config, Date.now()).map(describeCertificate),
      { part: 'egress', outcome: 'passed', detail: egress.description },
      ...(await issuerStatuses).map((status) => describeIssuer(status)),
      ...((await operatorStatuses) ?? []).map((status) => describeIssuer(status, ' of operators')),
      ...(await examineLookUp(config, verifier)),
      ...(await Promise.all(config.connections.flatMap(listProbes).map((probe) => examineConnection(probe, egress)))),
    ];
  });
}

/** Returns a finding for each secret manager from which secrets were read. A configuration with one that cannot be read is not examined. */
export function describeSecrets(uses: readonly ReferenceUse[]): Finding[] {
  const managers = [
    ['vault', 'Vault'],
    ['aws-sm', 'AWS Secrets Manager'],
  ] as const;
  return managers.flatMap(([kind, title]) => {
    const count = uses.filter((use) => use.kind === kind).length;
    return count === 0
      ? []
      : [{ part: `secrets of ${title}`, outcome: 'passed', detail: `${countOf(count, 'reference')} read` }];
  });
}

/** Clients refuse a certificate that is not valid now. */
function describeCertificate({ field, state, detail }: ReturnType<typeof listCertificates>[number]): Finding {
  const isUsable = state === 'valid' || state === 'expires_soon';
  return { part: field, outcome: isUsable ? 'passed' : 'failed', detail };
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
      return describeVerification(await vendor.verify?.());
    } finally {
      await closeQuietly(vendor);
    }
  };
  return examinePart(part, verify, `Check the secrets under vendors.${connection.name}.`);
}

/** Describes what a vendor proved about its credentials. The adapter is code of other authors and may return anything. */
function describeVerification(verification: Partial<Verification> | undefined): Omit<Finding, 'part'> {
  const [proven, notChecked] = [verification?.proven, verification?.notChecked].map((phrases: unknown) =>
    (Array.isArray(phrases) ? phrases : []).filter((phrase): phrase is string => typeof phrase === 'string').join('; '),
  );
  if (!proven && !notChecked)
    return { outcome: 'not_checked', detail: 'not checked: its adapter does not say what it checks' };
  if (!notChecked) return { outcome: 'passed', detail: proven ?? '' };
  return { outcome: 'not_checked', detail: `${proven ? `${proven}; ` : ''}not checked: ${notChecked}` };
}

/** Closes a vendor. A failure of that says nothing about the credentials. */
async function closeQuietly(vendor: Vendor): Promise<void> {
  try {
    await vendor.close();
  } catch {
    // The vendor was created only for this examination.
  }
}

async function examineStore(store: Store, configured: Config['store']): Promise<Omit<Finding, 'part'>> {
  await store.check();
  const { current, target, missing } = await planStoreMigration(configured);
  const notes = [
    ...(current > target ? ['ok', describeLaterVersion(current)] : [`ok; schema version ${current}`]),
    ...(missing.length > 0 ? [`\`valetkey migrate\` would create: ${missing.join(', ')}`] : []),
  ];
  return { outcome: 'passed', detail: notes.join('. ') };
}

async function examineMissingFile(path: string): Promise<Finding> {
  const problem = await findCreationProblem(path);
  if (problem === undefined)
    return { part: 'store', outcome: 'passed', detail: 'ok; `valetkey start` will create the file' };
  const detail = `the file does not exist and cannot be created (${problem}). Check \`store.sqlite\` in the configuration.`;
  return { part: 'store', outcome: 'failed', detail };
}

async function examineRedis(options: NonNullable<Config['redis']>): Promise<Finding> {
  const problem = await findRedisProblem(options);
  return { part: 'redis', outcome: problem === undefined ? 'passed' : 'failed', detail: problem ?? 'ok' };
}

/** Runs the check of a part. `credentialAdvice` is for refused credentials about which the error has no advice. */
async function examinePart(
  part: string,
  check: () => Promise<Omit<Finding, 'part'> | void>,
  credentialAdvice = '',
): Promise<Finding> {
  try {
    return { part, ...((await check()) ?? { outcome: 'passed', detail: 'ok' }) };
  } catch (error) {
    return { part, outcome: 'failed', detail: describeFailure(error, credentialAdvice) };
  }
}

function describeFailure(error: unknown, credentialAdvice: string): string {
  if (error instanceof ConfigError) return error.problems.join(' ');
  if (!ValetKeyError.isInstance(error)) return `cannot be examined (${codeOfForeignError(error) ?? 'unknown error'})`;
  const { code, message, reason, advice } = error;
  const usualAdvice = code === 'vendor_auth_failed' ? credentialAdvice : '';
  return `${message} (${reason === undefined ? code : `${code}, ${reason}`}) ${advice ?? usualAdvice}`.trim();
}

/**
 * Examines the introspection endpoint or the resolver of the issuer that has one, with a token that no user has. It reports
 * such a token as not active, once it accepts the broker's credentials.
 */
async function examineLookUp({ issuers }: Config, verifier: JwtVerifier): Promise<Finding[]> {
  const record = issuers.find(({ introspection, resolver }) => (introspection ?? resolver) !== undefined);
  if (record === undefined) return [];
  const [name, fields] = record.introspection
    ? ['introspection', '`endpoint`, `clientId` and `clientSecret`']
    : ['resolver', '`endpoint`'];
  const part = `${name} of ${record.issuer}`;
  try {
    await verifier.verify(`valetkey-doctor-${randomUUID()}`);
  } catch (error) {
    if (ValetKeyError.isInstance(error) && error.code !== 'invalid_token')
      return [{ part, outcome: 'failed', detail: `${describeFailure(error, '')} Check ${fields}.` }];
  }
  return [{ part, outcome: 'passed', detail: 'ok' }];
}

function describeIssuer({ issuer, keys, lastFailure, lastFailureDetail }: IssuerStatus, role = ''): Finding {
  const part = `issuer ${issuer}${role}`;
  if (keys > 0) return { part, outcome: 'passed', detail: countOf(keys, 'key') };
  const detail = `has no usable keys (${lastFailure ?? 'none can be used'})`;
  return {
    part,
    outcome: 'failed',
    detail: lastFailureDetail === undefined ? detail : `${detail}. ${lastFailureDetail}`,
  };
}
