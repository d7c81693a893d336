import { resolve as resolvePath } from 'node:path';
import { ConfigError } from './config-error.ts';
import { isDataFile, readConfigValue, refuseSandboxCredentials } from './config-file.ts';
import { listWarnings } from './config-warnings.ts';
import { describeFile, type FileFacts } from './file-facts.ts';
import { findChangedModules, listModules } from './import-module.ts';
import type { LoadedConfig } from './loaded-config.ts';
import { parseConfig } from './parse-config.ts';
import { readValueFile } from './read-text-file.ts';
import { readRecipeFiles } from './recipe-files.ts';
import type { ReferenceDependencies } from './references.ts';
import { createConfigResolver, type ConfigResolver } from './resolve-config.ts';

/** A configuration with the values that its secrets have now, the references of these, and what its operator should change. */
export interface RefreshedConfig extends Pick<LoadedConfig, 'config' | 'uses'> {
  readonly warnings: readonly string[];
}

/** A configuration file whose secrets can be read again while the broker runs. */
export interface SecretSource {
  /**
   * Reads the file and the values of all its references again, and checks the whole. A module is run only once, but its references
   * are read again. Rejects with a `ConfigError` that lists every problem, or names each module that has changed. The configuration
   * before it is then still complete, because nothing of it was changed.
   */
  readonly refresh: () => Promise<RefreshedConfig>;
  /**
   * Returns the files that the last `refresh` read or tried to read, by path, with their facts from before it read them: the
   * configuration file and the modules that it imports, the recipes, and the files of references.
   */
  readonly files: () => ReadonlyMap<string, FileFacts>;
  /** Ends the logins at secret managers. */
  readonly close: () => Promise<void>;
}

/** Opens the source of a configuration's secrets. Between two calls of `refresh`, it stays logged in at secret managers. */
export function openSecretSource(path: string, dependencies: ReferenceDependencies = {}): SecretSource {
  const { readTextFile = readValueFile } = dependencies;
  let files = new Map<string, FileFacts>();
  const note: NoteFile = async (file) => {
    const absolute = resolvePath(file);
    if (!files.has(absolute)) files.set(absolute, await describeFile(absolute));
  };
  const resolver = createConfigResolver({
    ...dependencies,
    readTextFile: async (file) => {
      await note(file);
      return readTextFile(file);
    },
  });
  let latest: Promise<unknown> = Promise.resolve();
  const refresh = async (): Promise<RefreshedConfig> => {
    files = new Map();
    const noteModules = async () => {
      for (const module of listModules()) await note(module);
    };
    await noteModules();
    const changed = await findChangedModules();
    if (changed.length > 0) throw new ConfigError(changed.map((module) => `${module}: ${moduleChanged}`));
    const loaded = await read(path, resolver, note).finally(noteModules);
    return { config: loaded.config, uses: loaded.uses, warnings: await listWarnings(loaded) };
  };
  return {
    // One after the other, so that none of them closes the secret managers of another.
    refresh() {
      const refreshed = latest.then(refresh, refresh);
      latest = refreshed;
      return refreshed;
    },
    files: () => files,
    close: resolver.close,
  };
}

const moduleChanged =
  'is a module that has changed, and only a restart of the broker runs it again; nothing was applied';

/** Called with each file before it is read. */
type NoteFile = (path: string) => Promise<void>;

/** Reads a configuration and its secrets once, and stays logged in nowhere. */
export async function readOnce(path: string, dependencies: ReferenceDependencies): Promise<LoadedConfig> {
  const resolver = createConfigResolver(dependencies);
  try {
    return await read(path, resolver);
  } finally {
    await resolver.close();
  }
}

async function read(
  path: string,
  { resolve }: ConfigResolver,
  note: NoteFile = async () => undefined,
): Promise<LoadedConfig> {
  await note(path);
  const written = await readConfigValue(path);
  const { resolved, uses } = await resolve(written);
  refuseSandboxCredentials(resolved);
  const config = parseConfig(resolved, undefined, await readRecipeFiles(resolved, path, note));
  return { written, resolved, config, uses, isData: isDataFile(path) };
}
