import { access, readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOfForeignError, parseForeignJson, sandboxMarker } from '@valetkey/core-types';
import { parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';
import { resolveReferences, type ReferenceDependencies } from './references.ts';

/**
 * Reads `valetkey.config.ts`, `.js`, `.yaml` or `.json` and resolves its references. The fields are not checked.
 *
 * Rejects with {@link ConfigError} if the file cannot be read or a reference cannot be resolved.
 */
export async function readConfigFile(path: string, dependencies: ReferenceDependencies = {}): Promise<unknown> {
  return resolveReferences(await readConfigValue(path), dependencies);
}

async function readConfigValue(path: string): Promise<unknown> {
  try {
    switch (extname(path)) {
      case '.json':
        return parseForeignJson(await readFile(path));
      case '.yaml':
      case '.yml':
        return parseYaml(path, await readFile(path, 'utf8'));
      case '.ts':
      case '.mts':
      case '.js':
      case '.mjs':
        // An import fails with the same code for a missing file and for a missing import inside it.
        await access(path);
        return readDefaultExport(path, await import(pathToFileURL(resolve(path)).href));
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // A parser's message quotes the text, which may be a secret. Only the code or the name of its error is shown.
    const code = codeOfForeignError(error);
    if (code === 'ERR_MODULE_NOT_FOUND') throw new ConfigError([`${path}: ${missingImportAdvice}`]);
    const name = error instanceof Error ? error.name : 'unknown error';
    throw new ConfigError([`${path}: cannot be read (${code ?? name})`]);
  }
  throw new ConfigError([`${path}: must be a .ts, .js, .yaml or .json file`]);
}

const missingImportAdvice =
  'imports a module that is not installed. For `defineConfig`, run `npm install @valetkey/broker` in the folder of the ' +
  'file, or write a plain `export default { ... }`, which needs no import';

function readDefaultExport(path: string, module: { default?: unknown }): unknown {
  if (module.default !== undefined) return module.default;
  throw new ConfigError([`${path}: has no default export; write \`export default defineConfig({ ... })\``]);
}

/** Throws an error with the number of the line and the parser's code. The parser's own message would quote the line. */
function parseYaml(path: string, text: string): unknown {
  // With this level, the parser prints nothing to the console.
  const document = parseDocument(text, { logLevel: 'error' });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem === undefined) return document.toJS();
  throw new ConfigError([`${path}: is not plain YAML at line ${problem.linePos?.[0].line ?? 1} (${problem.code})`]);
}

/** Throws {@link ConfigError} if a text is a credential of the sandbox, because those are public. */
export function refuseSandboxCredentials(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string' && value.includes(sandboxMarker)) {
    throw new ConfigError([`${path.join('.')}: is a credential of the sandbox, and those are public`]);
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (path.length > 0 || key !== 'adapters') refuseSandboxCredentials(item, [...path, key]);
    }
  }
}
