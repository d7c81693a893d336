import { listSchemaProblems } from '@valetkey/core-types';
import { vendors as registry } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { parseOptions } from './adapter.ts';
import { findAmbiguousActors } from './admin-fields.ts';
import { brokerShape } from './broker-fields.ts';
import { findDpopProblems } from './check-dpop.ts';
import { checkConnections, findUnknownIssuers } from './check-connections.ts';
import { checkOperators } from './check-operators.ts';
import type { BrokerFields, Config, ConnectionConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { connectionShape, type ConnectionPolicy } from './connection-policy.ts';
import {
  findVendor,
  listEntries,
  listVendors,
  readSection,
  toLine,
  within,
  type ConnectionEntry,
  type KnownVendors,
  type VendorRegistry,
} from './known-vendors.ts';
import { findTelemetryProblems } from './telemetry-fields.ts';
import { findUnplainData } from './plain-data.ts';
import type { RecipeFiles } from './recipe-files.ts';

const configSchema = z.strictObject({
  /** The address of the JSON Schema, for editors. */
  $schema: z.string().optional(),
  ...brokerShape,
  vendors: z.record(z.string(), z.unknown()).default({}),
});

/**
 * Parses a configuration in which references are already replaced and whose recipe files are already read.
 *
 * Throws a {@link ConfigError} that lists every problem.
 */
export function parseConfig(
  input: unknown,
  vendors: VendorRegistry = registry,
  recipeFiles: RecipeFiles = new Map(),
): Config {
  const unplain = findUnplainData(input);
  if (unplain.length > 0) throw new ConfigError(unplain);
  const { data, error } = configSchema.safeParse(input);
  const known = listVendors(vendors, input, recipeFiles);
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
    ...findTelemetryProblems(data.telemetry, { connections, trustedProxies: data.listen.trustedProxies }),
  ];
  if (all.length > 0) throw new ConfigError(all);
  const { issuerCertificates } = checked;
  const { issuers, operators } = separated;
  return { ...fields, admin: { ...data.admin, operators }, issuers, issuerCertificates, connections };
}

function parseConnections(section: unknown, known: KnownVendors) {
  const connections: ConnectionConfig[] = [];
  const problems: string[] = [];
  for (const entry of listEntries(section)) {
    const result = parseConnection(entry, known);
    if ('problems' in result) problems.push(...result.problems);
    else connections.push(result);
  }
  return { connections, problems };
}

function parseConnection(
  { name, index, entry }: ConnectionEntry,
  known: KnownVendors,
): ConnectionConfig | { readonly problems: readonly string[] } {
  const found = findVendor({ name, index, entry }, known);
  if ('problems' in found) return found;
  const { definition } = found;
  const createSchema = () =>
    definition.options
      .safeExtend({ ...connectionShape, vendor: z.literal(definition.id).optional(), recipe: z.string().optional() })
      .strict();
  const result = parseOptions(definition, createSchema, entry);
  if ('problems' in result) {
    return { problems: result.problems.map((problem) => toLine(within(`vendors.${name}`, problem))) };
  }
  const { vendor: _vendor, recipe: _recipe, ...fields } = result.data;
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

/** Returns the problems of fields that are valid one by one but cannot be combined. */
function findConflicts({ listen, admin }: Pick<BrokerFields, 'listen' | 'admin'>): string[] {
  const lacksProxies = listen.proxyRequestIds && listen.trustedProxies.length === 0;
  const everyAddress = new Set(['0.0.0.0', '::']);
  const isSameHost = listen.host === admin.host || [listen.host, admin.host].some((host) => everyAddress.has(host));
  const isSamePort = listen.port !== 0 && listen.port === admin.port && isSameHost;
  return [
    ...(isSamePort ? ['admin.port: is the same as listen.port; change one of these two fields'] : []),
    ...(lacksProxies
      ? [
          'listen.proxyRequestIds: has no effect without listen.trustedProxies; name the proxies there that set X-Request-Id',
        ]
      : []),
  ];
}
