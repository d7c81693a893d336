import {
  findSimilarName,
  isFieldName,
  listSchemaProblems,
  type SchemaProblem,
  type VendorDefinition,
} from '@valetkey/core-types';
import { vendors as registry } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { parseOptions, readDefinition } from './adapter.ts';
import { findAmbiguousActors } from './admin-fields.ts';
import { brokerShape } from './broker-fields.ts';
import { findDpopProblems } from './check-dpop.ts';
import { checkConnections, findUnknownIssuers } from './check-connections.ts';
import { checkOperators } from './check-operators.ts';
import type { BrokerFields, Config, ConnectionConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { connectionName } from './config-path.ts';
import { connectionShape, type ConnectionPolicy } from './connection-policy.ts';
import { findUnplainData, isPlainObject } from './plain-data.ts';

/** The vendors that a configuration may name, by id. */
export type VendorRegistry = Readonly<Record<string, VendorDefinition>>;

const configSchema = z.strictObject({
  /** The address of the JSON Schema, for editors. */
  $schema: z.string().optional(),
  ...brokerShape,
  vendors: z.record(z.string(), z.unknown()).default({}),
});

/**
 * Parses a configuration in which references are already replaced.
 *
 * Throws a {@link ConfigError} that lists every problem.
 */
export function parseConfig(input: unknown, vendors: VendorRegistry = registry): Config {
  const unplain = findUnplainData(input);
  if (unplain.length > 0) throw new ConfigError(unplain);
  const { data, error } = configSchema.safeParse(input);
  const known = listVendors(vendors, input);
  const { connections, problems } = parseConnections(readSection(input, 'vendors'), known);
  const fieldProblems = error === undefined ? [] : listSchemaProblems(error, configSchema, input).map(toLine);
  if (data === undefined) throw new ConfigError([...fieldProblems, ...problems]);

  const { $schema: _schema, adapters: _adapters, vendors: _vendors, issuers: issuerFields, ...fields } = data;
  const checked = checkConnections(connections, issuerFields, data.egress);
  const separated = checkOperators(data.admin.operators, checked);
  const issuerNames = checked.issuers.map(({ issuer }) => issuer);
  const all = [
    ...known.problems,
    ...problems,
    ...checked.problems,
    ...findUnknownIssuers(data.forwardAuth.policy, issuerNames).map((problem) => `forwardAuth.${problem}`),
    ...separated.problems,
    ...findConflicts(data),
    ...findDpopProblems(data, checked.issuers),
    ...findAmbiguousActors(data.admin),
  ];
  if (all.length > 0) throw new ConfigError(all);
  const { issuerCertificates } = checked;
  const { issuers, operators } = separated;
  return { ...fields, admin: { ...data.admin, operators }, issuers, issuerCertificates, connections };
}

function readSection(input: unknown, name: string): unknown {
  return isPlainObject(input) ? input[name] : undefined;
}

/** The vendors that connections may name. */
interface KnownVendors {
  readonly vendors: ReadonlyMap<string, VendorDefinition>;
  readonly problems: readonly string[];
  /** Whether an adapter cannot be used. A connection with an unknown vendor may mean that adapter. */
  readonly isIncomplete: boolean;
}

/** Returns the vendors of the registry and the operator's own adapters, by id. */
function listVendors(registered: VendorRegistry, input: unknown): KnownVendors {
  const vendors = new Map<string, VendorDefinition>();
  const problems: string[] = [];
  for (const [name, given] of Object.entries(registered)) {
    const result = readDefinition(given);
    if ('definition' in result) vendors.set(result.definition.id, result.definition);
    else problems.push(...result.problems.map((problem) => toLine(within(`the vendor ${name}`, problem))));
  }
  const section = readSection(input, 'adapters');
  const adapters = (Array.isArray(section) ? section : []).map(readDefinition);
  for (const [index, adapter] of adapters.entries()) {
    if (!('definition' in adapter)) continue;
    const { id } = adapter.definition;
    if (vendors.has(id)) problems.push(`adapters.${index}.id: is the id of another vendor`);
    vendors.set(id, adapter.definition);
  }
  return { vendors, problems, isIncomplete: adapters.some((adapter) => 'problems' in adapter) };
}

function parseConnections(section: unknown, known: KnownVendors) {
  const connections: ConnectionConfig[] = [];
  const problems: string[] = [];
  for (const [index, [name, entry]] of Object.entries(isPlainObject(section) ? section : {}).entries()) {
    if (entry === undefined) continue;
    const result = parseConnection({ name, index, entry }, known);
    if ('problems' in result) problems.push(...result.problems);
    else connections.push(result);
  }
  return { connections, problems };
}

/** An entry under `vendors`. */
interface Entry {
  readonly name: string;
  readonly index: number;
  readonly entry: unknown;
}

function parseConnection(
  { name, index, entry }: Entry,
  { vendors, isIncomplete }: KnownVendors,
): ConnectionConfig | { readonly problems: readonly string[] } {
  const { vendor: id = name } = (entry ?? {}) as { vendor?: unknown };
  const definition = typeof id === 'string' ? vendors.get(id) : undefined;
  if (definition === undefined) {
    if (isIncomplete) return { problems: [] };
    const hasVendor = id !== name && connectionName.test(name);
    const field = hasVendor ? `vendors.${name}.vendor` : describeEntry(name, index);
    const similar = typeof id === 'string' ? findSimilarName(id, [...vendors.keys()]) : undefined;
    const advice =
      similar === undefined ? `; known are ${[...vendors.keys()].join(', ')}` : `; did you mean \`${similar}\`?`;
    return { problems: [`${field}: is not a known vendor${advice}`] };
  }
  if (!connectionName.test(name)) return { problems: [`${describeEntry(name, index)}: ${wrongName}`] };
  const createSchema = () =>
    definition.options.safeExtend({ ...connectionShape, vendor: z.literal(definition.id).optional() }).strict();
  const result = parseOptions(definition, createSchema, entry);
  if ('problems' in result) {
    return { problems: result.problems.map((problem) => toLine(within(`vendors.${name}`, problem))) };
  }
  const { vendor: _vendor, ...fields } = result.data;
  const {
    user,
    issuers,
    boundByAppToken,
    requiredScopes,
    requiredClaims,
    policy: combined,
    clientCertificate,
    ...options
  } = fields as ConnectionPolicy & Pick<ConnectionConfig, 'clientCertificate'> & Readonly<Record<string, unknown>>;
  const policy = { user, issuers, boundByAppToken, requiredScopes, requiredClaims, policy: combined };
  return { name, definition, options, policy, clientCertificate };
}

const wrongName = 'the name must have 1 to 63 characters of a-z, 0-9, - and _, and begin with a letter or digit';

/** Names a connection whose name or vendor is wrong. A name that may be a secret is not shown. */
function describeEntry(name: string, index: number): string {
  return isFieldName(name) ? `vendors.${name}` : `vendors, entry ${index + 1} (its name is not shown)`;
}

function within(parent: string, { field, message }: SchemaProblem): SchemaProblem {
  return { field: field === '' ? parent : `${parent}.${field}`, message };
}

function toLine({ field, message }: SchemaProblem): string {
  return `${field === '' ? '(the whole configuration)' : field}: ${message}`;
}

/** Returns the problems of fields that are valid one by one but cannot be combined. */
function findConflicts({ listen, admin }: Pick<BrokerFields, 'listen' | 'admin'>): string[] {
  const everyAddress = new Set(['0.0.0.0', '::']);
  const isSameHost = listen.host === admin.host || [listen.host, admin.host].some((host) => everyAddress.has(host));
  const isSamePort = listen.port !== 0 && listen.port === admin.port && isSameHost;
  return isSamePort ? ['admin.port: is the same as listen.port; change one of these two fields'] : [];
}
