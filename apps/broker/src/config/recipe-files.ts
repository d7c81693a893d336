import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { SchemaProblem } from '@valetkey/core-types';
import { checkRecipe, toVendor, type AnyRecipeVendor } from '@valetkey/vendor-clients/recipe';
import { readDefinition } from './adapter.ts';
import { isDataFile, readConfigValue } from './config-file.ts';
import { ConfigError } from './config-error.ts';
import { findUnplainData, isPlainObject } from './plain-data.ts';

/** A recipe file: its vendor, or what is wrong with it. Each problem begins with the name of the file. */
export type RecipeFile = { readonly path: string } & (
  | { readonly vendor: AnyRecipeVendor }
  | { readonly problems: readonly string[] }
);

/** The recipe files of a configuration, by the text of the field `recipe` that names them. */
export type RecipeFiles = ReadonlyMap<string, RecipeFile>;

/**
 * Reads the recipe files that the connections of a configuration name, each once. A path is relative to the folder of the
 * configuration file. A text that names no data file may be a secret in the wrong place, so that it is neither read nor shown.
 * `note` is called with each path before the file is read.
 */
export async function readRecipeFiles(
  config: unknown,
  configFile: string,
  note: (path: string) => Promise<void> = async () => undefined,
): Promise<RecipeFiles> {
  const vendors = isPlainObject(config) ? config['vendors'] : undefined;
  const entries = Object.values(isPlainObject(vendors) ? vendors : {});
  const given = entries.map((entry) => (isPlainObject(entry) ? entry['recipe'] : undefined));
  const names = new Set(given.filter((name) => typeof name === 'string').filter(isDataFile));
  const files = new Map<string, Promise<RecipeFile>>();
  const pairs = [...names].map(async (name) => {
    const path = isAbsolute(name) ? name : join(dirname(configFile), name);
    const file = files.get(resolve(path)) ?? note(path).then(() => readRecipeFile(path));
    files.set(resolve(path), file);
    return [name, await file] as const;
  });
  return new Map(await Promise.all(pairs));
}

function toLines(path: string, problems: readonly SchemaProblem[]): string[] {
  return problems.map(({ field, message }) => `${path}: ${field === '' ? '(the whole recipe)' : field}: ${message}`);
}

const maxRecipeBytes = 256 * 1_024;

/** Reads and checks one recipe file, in YAML or JSON. */
export async function readRecipeFile(path: string): Promise<RecipeFile> {
  if (!isDataFile(path)) return { path, problems: [`${path}: must be a .yaml or .json file`] };
  try {
    const data = await readConfigValue(path, maxRecipeBytes);
    const unplain = findUnplainData(data);
    if (unplain.length > 0) return { path, problems: unplain.map((problem) => `${path}: ${problem}`) };
    const check = checkRecipe(data);
    if ('problems' in check) return { path, problems: toLines(path, check.problems) };
    const vendor = toVendor(check.recipe);
    const definition = readDefinition(vendor);
    return 'problems' in definition ? { path, problems: toLines(path, definition.problems) } : { path, vendor };
  } catch (error) {
    if (error instanceof ConfigError) return { path, problems: error.problems };
    throw error;
  }
}
