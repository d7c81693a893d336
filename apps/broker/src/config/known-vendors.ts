import { findSimilarName, isFieldName, type SchemaProblem, type VendorDefinition } from '@valetkey/core-types';
import { readDefinition } from './adapter.ts';
import { connectionName } from './config-path.ts';
import { isPlainObject } from './plain-data.ts';

/** The vendors that a configuration may name, by id. */
export type VendorRegistry = Readonly<Record<string, VendorDefinition>>;

export function readSection(input: unknown, name: string): unknown {
  return isPlainObject(input) ? input[name] : undefined;
}

/** The vendors that connections may name. */
export interface KnownVendors {
  readonly vendors: ReadonlyMap<string, VendorDefinition>;
  readonly problems: readonly string[];
  /** Whether an adapter cannot be used. A connection with an unknown vendor may mean that adapter. */
  readonly isIncomplete: boolean;
}

/** Returns the vendors of the registry and the operator's own adapters, by id. */
export function listVendors(registered: VendorRegistry, input: unknown): KnownVendors {
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

/** An entry under `vendors`. */
export interface ConnectionEntry {
  readonly name: string;
  readonly index: number;
  readonly entry: unknown;
}

/** Returns the entries of the section `vendors`. */
export function listEntries(section: unknown): readonly ConnectionEntry[] {
  return Object.entries(isPlainObject(section) ? section : {})
    .map(([name, entry], index) => ({ name, index, entry }))
    .filter(({ entry }) => entry !== undefined);
}

/** Returns the vendor of a connection, or what is wrong with the name of the connection or of the vendor. */
export function findVendor(
  { name, index, entry }: ConnectionEntry,
  { vendors, isIncomplete }: KnownVendors,
): { readonly definition: VendorDefinition } | { readonly problems: readonly string[] } {
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
  return { definition };
}

const wrongName = 'the name must have 1 to 63 characters of a-z, 0-9, - and _, and begin with a letter or digit';

/** Names a connection whose name or vendor is wrong. A name that may be a secret is not shown. */
function describeEntry(name: string, index: number): string {
  return isFieldName(name) ? `vendors.${name}` : `vendors, entry ${index + 1} (its name is not shown)`;
}

export function within(parent: string, { field, message }: SchemaProblem): SchemaProblem {
  return { field: field === '' ? parent : `${parent}.${field}`, message };
}

export function toLine({ field, message }: SchemaProblem): string {
  return `${field === '' ? '(the whole configuration)' : field}: ${message}`;
}
