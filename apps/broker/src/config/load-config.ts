import { readConfigFile, refuseSandboxCredentials } from './config-file.ts';
import type { Config } from './config.ts';
import { parseConfig } from './parse-config.ts';
import type { ReferenceDependencies } from './references.ts';

/**
 * Reads and checks a configuration file: `valetkey.config.ts`, `.js`, `.yaml` or `.json`. It reads the file and the files
 * that its references name. It opens no store and no TCP connection.
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
  const input = await readConfigFile(path, dependencies);
  refuseSandboxCredentials(input);
  return parseConfig(input);
}
