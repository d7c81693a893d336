import { listSchemaProblems, type SchemaProblem, type VendorDefinition } from '@valetkey/core-types';
import { vendors as registry } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { brokerShape } from './broker-fields.ts';
import { checkConnections } from './check-connections.ts';
import type { BrokerFields, Config, ConnectionConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { connectionPolicyShape, type ConnectionPolicy } from './connection-policy.ts';

/** The vendors that a configuration may name, by id. */
export type VendorRegistry = Readonly<Record<string, VendorDefinition>>;

/** The allowed names of connections. A name is part of URLs, metric labels and database rows. */
const connectionName = /^[a-z0-9][a-z0-9_-]{0,62}$/;

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
  const { data, error } = configSchema.safeParse(input);
  const known = listAdapters(vendors, data?.adapters ?? []);
  const { connections, problems } = parseConnections(readVendorsSection(input), known.vendors);
  const fieldProblems = error === undefined ? [] : listSchemaProblems(error).map(explainDpop).map(toLine);
  if (data === undefined) throw new ConfigError([...fieldProblems, ...problems]);

  const { $schema: _schema, adapters: _adapters, vendors: _vendors, issuers: configuredIssuers, ...fields } = data;
  const checked = checkConnections(connections, configuredIssuers);
  const all = [...known.problems, ...problems, ...checked.problems, ...findConflicts(data)];
  if (all.length > 0) throw new ConfigError(all);
  return { ...fields, issuers: checked.issuers, connections };
}

function readVendorsSection(input: unknown): object {
  const { vendors } = (input ?? {}) as { vendors?: unknown };
  return typeof vendors === 'object' && vendors !== null ? vendors : {};
}

/** Returns the vendors of the registry and the operator's own adapters, by id. */
function listAdapters(registered: VendorRegistry, adapters: readonly VendorDefinition[]) {
  const vendors = new Map(Object.values(registered).map((definition) => [definition.id, definition]));
  const problems: string[] = [];
  for (const [index, definition] of adapters.entries()) {
    if (vendors.has(definition.id)) problems.push(`adapters.${index}.id: is the id of another vendor`);
    vendors.set(definition.id, definition);
  }
  return { vendors, problems };
}

function parseConnections(section: object, vendors: ReadonlyMap<string, VendorDefinition>) {
  const connections: ConnectionConfig[] = [];
  const problems: string[] = [];
  for (const [name, entry] of Object.entries(section)) {
    if (entry === undefined) continue;
    const result = parseConnection(name, entry, vendors);
    if ('problems' in result) problems.push(...result.problems);
    else connections.push(result);
  }
  return { connections, problems };
}

function parseConnection(
  name: string,
  entry: unknown,
  vendors: ReadonlyMap<string, VendorDefinition>,
): ConnectionConfig | { readonly problems: readonly string[] } {
  const { vendor: id = name } = (entry ?? {}) as { vendor?: unknown };
  const definition = typeof id === 'string' ? vendors.get(id) : undefined;
  if (definition === undefined) {
    const field = id === name ? `vendors.${name}` : `vendors.${name}.vendor`;
    return { problems: [`${field}: is not a known vendor; known are ${[...vendors.keys()].join(', ')}`] };
  }
  if (!connectionName.test(name)) {
    return {
      problems: [
        `vendors.${name}: the name must have 1 to 63 characters of a-z, 0-9, - and _, and begin with a letter or digit`,
      ],
    };
  }
  const schema = definition.options.safeExtend({
    ...connectionPolicyShape,
    vendor: z.literal(id as string).optional(),
  });
  const { data, error } = schema.safeParse(entry);
  if (error !== undefined) {
    return { problems: listSchemaProblems(error).map((problem) => toLine(within(`vendors.${name}`, problem))) };
  }
  const {
    vendor: _vendor,
    user,
    issuers,
    boundByAppToken,
    requiredScopes,
    requiredClaims,
    ...options
  } = data as ConnectionPolicy & Readonly<Record<string, unknown>>;
  return { name, definition, options, policy: { user, issuers, boundByAppToken, requiredScopes, requiredClaims } };
}

function within(parent: string, { field, message }: SchemaProblem): SchemaProblem {
  return { field: field === '' ? parent : `${parent}.${field}`, message };
}

/** Explains why the option `dpop` of `@valetkey/jwt-verify` is unknown here: an operator may have copied it. */
function explainDpop(problem: SchemaProblem): SchemaProblem {
  if (!/^issuers\.\d+\.dpop$/.test(problem.field)) return problem;
  return { ...problem, message: 'is not available here; the broker accepts only bearer tokens' };
}

function toLine({ field, message }: SchemaProblem): string {
  return `${field === '' ? '(the whole configuration)' : field}: ${message}`;
}

/** Returns the problems of fields that are valid one by one but cannot be combined. */
function findConflicts({ listen, admin }: Pick<BrokerFields, 'listen' | 'admin'>): string[] {
  const isSamePort = listen.port !== 0 && listen.port === admin.port && listen.host === admin.host;
  return isSamePort ? ['admin.port: is the same as listen.port'] : [];
}
