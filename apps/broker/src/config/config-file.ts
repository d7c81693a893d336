import { access, stat } from 'node:fs/promises';
import { extname, isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOfForeignError, describeForeignError, sandboxMarker } from '@valetkey/core-types';
import { ConfigError } from './config-error.ts';
import { toConfigPath } from './config-path.ts';
import { parseJson, parseYaml } from './config-text.ts';
import { importModule } from './import-module.ts';
import { isCode } from './plain-data.ts';
import { readTextFile, wrongEncoding } from './read-text-file.ts';
import type { ReferenceDependencies } from './references.ts';
import { createConfigResolver } from './resolve-config.ts';

/**
 * Reads `valetkey.config.ts`, `.js`, `.yaml` or `.json` and resolves its references. It does not check the fields.
 *
 * Rejects with {@link ConfigError} if the file cannot be read or a reference cannot be resolved.
 */
export async function readConfigFile(path: string, dependencies: ReferenceDependencies = {}): Promise<unknown> {
  const { resolve, close } = createConfigResolver(dependencies);
  try {
    const { resolved } = await resolve(await readConfigValue(path));
    return resolved;
  } finally {
    await close();
  }
}

/** Returns whether a configuration file is data (YAML or JSON) and not a module. */
export function isDataFile(path: string): boolean {
  return ['.json', '.yaml', '.yml'].includes(extname(path));
}

/** The most bytes of a configuration in YAML or JSON. */
const maxDataBytes = 4 * 1_024 * 1_024;

/**
 * Reads a data file. A pipe or a device is refused, because reading it may never end, and so is a file that is so long that
 * parsing it would take minutes.
 */
async function readDataFile(path: string, maxBytes: number): Promise<string> {
  const facts = await stat(path);
  if (!facts.isFile() && !facts.isDirectory()) throw new ConfigError([`${path}: is not a regular file`]);
  if (facts.size > maxBytes) throw new ConfigError([`${path}: has more than ${maxBytes} bytes`]);
  return readTextFile(path);
}

/** Reads a configuration file. References stay as they are written. */
export async function readConfigValue(path: string, maxBytes = maxDataBytes): Promise<unknown> {
  try {
    switch (extname(path)) {
      case '.json':
        return parseJson(path, await readDataFile(path, maxBytes));
      case '.yaml':
      case '.yml':
        return parseYaml(path, await readDataFile(path, maxBytes));
      case '.ts':
      case '.mts':
      case '.cts':
      case '.js':
      case '.mjs':
      case '.cjs':
        // An import fails with the same code for a missing file and for a missing import inside it.
        await access(path);
        return readDefaultExport(path, await importModule(pathToFileURL(resolve(path)).href));
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`${path}: ${describeFailure(path, error)}`]);
  }
  throw new ConfigError([`${path}: must be a .ts, .js, .yaml or .json file`]);
}

/** Describes a file that cannot be read or run. The message of the error is not shown, because it may quote a secret. */
function describeFailure(path: string, error: unknown): string {
  const code = codeOfForeignError(error);
  if (code === wrongEncoding) return 'is not text in UTF-8; save it in this encoding';
  if (code === 'ERR_MODULE_NOT_FOUND') {
    const isBroker = error instanceof Error && error.message.startsWith("Cannot find package '@valetkey/broker'");
    return isBroker ? missingBrokerAdvice : 'imports a module that cannot be found';
  }
  if (error instanceof Error && /^(?:module|exports|require) is not defined/.test(error.message)) return commonJsAdvice;
  const line = findFailedLine(path, error);
  const place = line === undefined ? '' : ` at line ${line}`;
  const tried = code === 'ENOENT' && !isAbsolute(path) ? `; tried ${resolve(path)}` : '';
  return `cannot be read${place} (${code ?? describeForeignError(error).name})${tried}`;
}

const missingBrokerAdvice =
  'imports `@valetkey/broker`, which is not installed; run ' +
  '`npm install @valetkey/broker` in the folder of the file, or write a plain ' +
  '`export default { ... }`, which needs no import';

const commonJsAdvice =
  'is an ES module, but uses `require` or `module.exports`; write `import` and ' +
  '`export default { ... }`, or give the file the extension .cjs or .cts';

/** Returns the line of a module at which the runtime stopped, if the stack trace names it. */
function findFailedLine(path: string, error: unknown): string | undefined {
  const stack: unknown = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== 'string') return undefined;
  const file = resolve(path);
  for (const name of [pathToFileURL(file).href, file]) {
    const [, after] = stack.split(`${name}:`);
    const line = /^\d+/.exec(after ?? '')?.[0];
    if (line !== undefined) return line;
  }
  return undefined;
}

function readDefaultExport(path: string, module: { default?: unknown }): unknown {
  if (module.default !== undefined) return module.default;
  throw new ConfigError([`${path}: has no default export; write \`export default defineConfig({ ... })\``]);
}

/** Throws a {@link ConfigError} that names each field with a credential of the sandbox, because these credentials are public. */
export function refuseSandboxCredentials(value: unknown): void {
  const problems = findSandboxCredentials(value, []);
  if (problems.length > 0) throw new ConfigError(problems);
}

function findSandboxCredentials(value: unknown, path: readonly PropertyKey[]): string[] {
  if (typeof value === 'string' && value.includes(sandboxMarker)) {
    const advice = path[0] === 'vendors' ? 'set the one that the vendor gave you' : 'create one of your own';
    return [`${toConfigPath(path)}: is a credential of the sandbox, which is public; ${advice}`];
  }
  if (typeof value !== 'object' || value === null || isCode(path)) return [];
  return Object.entries(value).flatMap(([key, item]) => findSandboxCredentials(item, [...path, key]));
}
