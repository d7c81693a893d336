import { listSchemaProblems } from '@valetkey/core-types';
import { vendors as registry } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { brokerShape } from './broker-fields.ts';
import { readConfigValue } from './config-file.ts';
import { ConfigError } from './config-error.ts';
import { findVendor, listEntries, listVendors, readSection, toLine } from './known-vendors.ts';
import { isPlainObject } from './plain-data.ts';
import { readRecipeFiles } from './recipe-files.ts';
import { resolveReferences, type ReferenceDependencies } from './references.ts';

/** The parts of a configuration that say which connections there are. */
const schema = z.object({
  adapters: brokerShape.adapters,
  vendors: z.record(z.string(), z.unknown(), { error: 'must be an object' }).default({}),
});

/**
 * Reads the names of the connections of a configuration file, and resolves with the id of the vendor of each. It reads no
 * other field of a connection, so that it needs no secret and none of its references.
 *
 * Rejects with a `ConfigError` that lists every problem of these names.
 */
export async function readConnectionVendors(
  path: string,
  dependencies: ReferenceDependencies = {},
): Promise<ReadonlyMap<string, string>> {
  const input = await resolveReferences(selectNames(await readConfigValue(path)), dependencies);
  const { error } = schema.safeParse(input);
  const known = listVendors(registry, input, await readRecipeFiles(input, path));
  const problems = error === undefined ? [] : listSchemaProblems(error, schema, input).map(toLine);
  problems.push(...known.problems);
  const vendors = new Map<string, string>();
  for (const entry of listEntries(readSection(input, 'vendors'))) {
    const found = findVendor(entry, known);
    if ('problems' in found) problems.push(...found.problems);
    else vendors.set(entry.name, found.definition.id);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return vendors;
}

/** Returns a copy of the adapters and of the connections, of which only the fields `vendor` and `recipe` remain. */
function selectNames(input: unknown): unknown {
  if (!isPlainObject(input)) return input;
  const { adapters, vendors } = input;
  if (!isPlainObject(vendors)) return { adapters, vendors };
  const entries = Object.entries(vendors).filter(([, entry]) => entry !== undefined);
  const named = entries.map(
    ([name, entry]) =>
      [name, isPlainObject(entry) ? { vendor: entry['vendor'], recipe: entry['recipe'] } : {}] as const,
  );
  return { adapters, vendors: Object.fromEntries(named) };
}
