import { readConfigFile } from './config-file.ts';
import { listWarnings } from './config-warnings.ts';
import type { Config } from './config.ts';
import { parseConfig } from './parse-config.ts';
import { readRecipeFiles } from './recipe-files.ts';
import type { ReferenceDependencies } from './references.ts';
import { readOnce } from './secret-source.ts';

/**
 * Reads and checks a configuration file: `valetkey.config.ts`, `.js`, `.yaml` or `.json`. It reads the file, the files
 * and secrets that its references name, and the recipes that its connections name. It opens no store, and connects only to the
 * secret managers that its references name.
 *
 * Rejects with a `ConfigError` that lists every problem of the configuration, or names a credential of the sandbox.
 *
 * @example
 * ```ts
 * import { assemble, loadConfig } from '@valetkey/broker';
 *
 * const broker = assemble(await loadConfig('valetkey.config.yaml'));
 * const { brokerUrl } = await broker.listen();
 * ```
 */
export async function loadConfig(path: string, dependencies: ReferenceDependencies = {}): Promise<Config> {
  const { config } = await readOnce(path, dependencies);
  return config;
}

/** Loads a configuration file like {@link loadConfig}, and lists what its operator should change although the broker accepts it. */
export async function inspectConfig(
  path: string,
  dependencies: ReferenceDependencies = {},
): Promise<{ readonly config: Config; readonly warnings: readonly string[] }> {
  const loaded = await readOnce(path, dependencies);
  return { config: loaded.config, warnings: await listWarnings(loaded) };
}

/**
 * Loads a configuration file like {@link loadConfig} for a command that sends no credential, so that it may have credentials of
 * the sandbox.
 */
export async function loadUnusedConfig(path: string): Promise<Config> {
  const resolved = await readConfigFile(path);
  return parseConfig(resolved, undefined, await readRecipeFiles(resolved, path));
}
