import { isDataFile, readConfigValue, refuseSandboxCredentials } from './config-file.ts';
import type { Config } from './config.ts';
import { parseConfig } from './parse-config.ts';
import { readRecipeFiles } from './recipe-files.ts';
import type { ReferenceDependencies, ReferenceUse } from './references.ts';
import { createConfigResolver, type ConfigResolver } from './resolve-config.ts';

/** A configuration as written, with its references resolved, and parsed. */
export interface LoadedConfig {
  /** The configuration as the file has it, with references. */
  readonly written: unknown;
  /** The configuration with the values of the references. */
  readonly resolved: unknown;
  /** The configuration as the schemas parse it. */
  readonly config: Config;
  /** The references of the configuration. */
  readonly uses: readonly ReferenceUse[];
  /**
   * Whether the file is YAML or JSON. In a TypeScript or JavaScript module, a text may have been read from elsewhere, so it is
   * not reported as a literal secret.
   */
  readonly isData: boolean;
}

/** A configuration with the values that its secrets have now, and the references of these. */
export type RefreshedConfig = Pick<LoadedConfig, 'config' | 'uses'>;

/** A configuration file whose secrets can be read again while the broker runs. */
export interface SecretSource {
  /**
   * Reads the file and the values of all its references again, and checks the whole. A module is run only once, but its references
   * are read again. Rejects with a `ConfigError` that lists every problem. The configuration before it is then still complete,
   * because nothing of it was changed.
   */
  readonly refresh: () => Promise<RefreshedConfig>;
  /** Ends the logins at secret managers. */
  readonly close: () => Promise<void>;
}

/** Opens the source of a configuration's secrets. Between two calls of `refresh`, it stays logged in at secret managers. */
export function openSecretSource(path: string, dependencies: ReferenceDependencies = {}): SecretSource {
  const resolver = createConfigResolver(dependencies);
  let latest: Promise<unknown> = Promise.resolve();
  const refresh = async (): Promise<RefreshedConfig> => {
    const { config, uses } = await read(path, resolver);
    return { config, uses };
  };
  return {
    // One after the other, so that none of them closes the secret managers of another.
    refresh() {
      const refreshed = latest.then(refresh, refresh);
      latest = refreshed;
      return refreshed;
    },
    close: resolver.close,
  };
}

/** Reads a configuration and its secrets once, and stays logged in nowhere. */
export async function readOnce(path: string, dependencies: ReferenceDependencies): Promise<LoadedConfig> {
  const resolver = createConfigResolver(dependencies);
  try {
    return await read(path, resolver);
  } finally {
    await resolver.close();
  }
}

async function read(path: string, { resolve }: ConfigResolver): Promise<LoadedConfig> {
  const written = await readConfigValue(path);
  const { resolved, uses } = await resolve(written);
  refuseSandboxCredentials(resolved);
  const config = parseConfig(resolved, undefined, await readRecipeFiles(resolved, path));
  return { written, resolved, config, uses, isData: isDataFile(path) };
}
