import { findSimilarName, isFieldName, type SchemaProblem, type VendorDefinition } from '@valetkey/core-types';
import { findRecipe, recipes } from '@valetkey/vendor-clients';
import { readDefinition } from './adapter.ts';
import { isDataFile } from './config-file.ts';
import { connectionName } from './config-path.ts';
import type { KnownDefinition } from './known-definition.ts';
import { isPlainObject } from './plain-data.ts';
import type { RecipeFiles } from './recipe-files.ts';

/** The vendors that a configuration may name, by id. */
export type VendorRegistry = Readonly<Record<string, VendorDefinition>>;

export function readSection(input: unknown, name: string): unknown {
  return isPlainObject(input) ? input[name] : undefined;
}

/** The vendors that connections may name. */
export interface KnownVendors {
  /** The adapters. The recipes of the catalog are looked up one by one. */
  readonly vendors: ReadonlyMap<string, KnownDefinition>;
  readonly recipeFiles: RecipeFiles;
  readonly problems: readonly string[];
  /** Whether an adapter cannot be used. A connection with an unknown vendor may mean that adapter. */
  readonly isIncomplete: boolean;
}

/** Returns the vendors of the registry, the operator's own adapters by id, and the operator's own recipes by file. */
export function listVendors(registered: VendorRegistry, input: unknown, recipeFiles: RecipeFiles): KnownVendors {
  const vendors = new Map<string, KnownDefinition>();
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
    if (vendors.has(id) || Object.hasOwn(recipes, id))
      problems.push(`adapters.${index}.id: is the id of another vendor`);
    vendors.set(id, adapter.definition);
  }
  problems.push(...findRecipeProblems(recipeFiles, readSection(input, 'vendors')));
  return { vendors, recipeFiles, problems, isIncomplete: adapters.some((adapter) => 'problems' in adapter) };
}

/** Returns the problems of the recipe files, each once, and of ids that would stand for two vendors. */
function findRecipeProblems(recipeFiles: RecipeFiles, section: unknown): string[] {
  const named = new Map(
    listEntries(section)
      .filter(({ entry }) => !isPlainObject(entry) || entry['recipe'] === undefined)
      .map(({ name, entry }) => [vendorIdOf(name, entry), name] as const),
  );
  const files = new Map<string, string>();
  return [...new Set(recipeFiles.values())].flatMap((file) => {
    if ('problems' in file) return file.problems;
    const { id } = file.vendor;
    const other = files.get(id);
    const connection = named.get(id);
    files.set(id, file.path);
    if (other !== undefined) return [`${file.path}: id: is the id of ${other}, too; change one of the two`];
    if (connection === undefined) return [];
    return [`${file.path}: id: is the id of the vendor of vendors.${connection}, too; change it`];
  });
}

/** Returns what a connection names as its vendor. */
function vendorIdOf(name: string, entry: unknown): unknown {
  const { vendor = name } = (entry ?? {}) as { vendor?: unknown };
  return vendor;
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
  known: KnownVendors,
): { readonly definition: KnownDefinition } | { readonly problems: readonly string[] } {
  const { vendors, isIncomplete } = known;
  if (isPlainObject(entry) && entry['recipe'] !== undefined) return findOwnRecipe({ name, index, entry }, known);
  const id = vendorIdOf(name, entry);
  const recipe = typeof id === 'string' ? findRecipe(id) : undefined;
  if (recipe !== undefined) return describeRecipe({ name, index, entry }, recipe);
  const definition = typeof id === 'string' ? vendors.get(id) : undefined;
  if (definition === undefined) {
    if (isIncomplete) return { problems: [] };
    const hasVendor = id !== name && connectionName.test(name);
    const field = hasVendor ? `vendors.${name}.vendor` : describeEntry(name, index);
    return { problems: [`${field}: is not a known vendor${adviseVendor(id, vendors)}`] };
  }
  if (!connectionName.test(name)) return { problems: [`${describeEntry(name, index)}: ${wrongName}`] };
  return { definition };
}

/** Suggests a vendor: the products of the one that is named (`stripe-terminal` for `stripe`), a similar name, or all. */
function adviseVendor(id: unknown, vendors: ReadonlyMap<string, KnownDefinition>): string {
  const ids = [...vendors.keys(), ...Object.keys(recipes)];
  const products = typeof id === 'string' ? ids.filter((known) => known.startsWith(`${id}-`)) : [];
  if (products.length > 0) return `; did you mean ${products.map((product) => `\`${product}\``).join(' or ')}?`;
  const similar = typeof id === 'string' ? findSimilarName(id, ids) : undefined;
  return similar === undefined ? `; known are ${ids.join(', ')}` : `; did you mean \`${similar}\`?`;
}

/** Returns the vendor of the connection's own recipe file. The problems of the file itself are reported once, with its name. */
function findOwnRecipe(entry: ConnectionEntry, { recipeFiles }: KnownVendors) {
  const { name, index } = entry;
  const field = `${describeEntry(name, index)}.recipe`;
  const { recipe, vendor } = entry.entry as { recipe: unknown; vendor?: unknown };
  if (vendor !== undefined) return { problems: [`${describeEntry(name, index)}.vendor: ${beside}`] };
  if (typeof recipe !== 'string' || !isDataFile(recipe))
    return { problems: [`${field}: must be the path of a .yaml or .json file`] };
  const file = recipeFiles.get(recipe);
  if (file === undefined) return { problems: [`${field}: ${withoutFile}`] };
  return 'problems' in file ? { problems: [] } : describeRecipe(entry, file.vendor);
}

const beside = 'has no effect beside `recipe`; remove one of the two';

const withoutFile =
  'is read only for a configuration file; in code, list `defineRecipe({ ... })` under `adapters` and name its id as `vendor`';

function describeRecipe({ name, index }: ConnectionEntry, vendor: VendorDefinition) {
  if (!connectionName.test(name)) return { problems: [`${describeEntry(name, index)}: ${wrongName}`] };
  const result = readDefinition(vendor);
  if ('definition' in result) return result;
  return { problems: result.problems.map((problem) => toLine(within(describeEntry(name, index), problem))) };
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
