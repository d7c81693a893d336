import { access, readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sandboxMarker } from '@valetkey/core-types';
import { parseDocument } from 'yaml';
import { ConfigError } from './config.ts';

/** Where references lead; both parts have the obvious default. */
export interface ReferenceSources {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly readTextFile?: (path: string) => Promise<string>;
}

/**
 * Reads `valetkey.config.ts`, `.js`, `.yaml` or `.json` and resolves its references, without checking the fields.
 *
 * Throws {@link ConfigError} where the file cannot be read or a reference leads nowhere.
 */
export async function readConfigFile(path: string, sources: ReferenceSources = {}): Promise<unknown> {
  return resolveReferences(await readConfigValue(path), sources);
}

async function readConfigValue(path: string): Promise<unknown> {
  const extension = extname(path);
  try {
    switch (extension) {
      case '.json':
        return JSON.parse(await readFile(path, 'utf8'));
      case '.yaml':
      case '.yml':
        return parseYaml(path, await readFile(path, 'utf8'));
      case '.ts':
      case '.mts':
      case '.js':
      case '.mjs':
        // Asked first, for an import has one code for this file and for those that it imports.
        await access(path);
        return readDefaultExport(path, await import(pathToFileURL(resolve(path)).href));
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    // Parsers quote the text they stumble over, and that text may be a secret: the kind of the error has to do.
    const { name, code } = error as { name?: string; code?: string };
    if (code === 'ERR_MODULE_NOT_FOUND') throw new ConfigError([`${path}: ${missingImportAdvice}`]);
    throw new ConfigError([`${path}: cannot be read (${code ?? name ?? 'unknown error'})`]);
  }
  throw new ConfigError([`${path}: is neither .ts, .js, .yaml nor .json`]);
}

const missingImportAdvice =
  'imports something that is not there. `defineConfig` comes with `npm install @valetkey/broker` in its folder; ' +
  'a plain `export default { ... }` needs no import';

function readDefaultExport(path: string, module: { default?: unknown }): unknown {
  if (module.default !== undefined) return module.default;
  throw new ConfigError([`${path}: has no default export; write \`export default defineConfig({ ... })\``]);
}

/** The parser's own words quote the line that they are about, so its code and the line's number have to do. */
function parseYaml(path: string, text: string): unknown {
  // Nothing is to be told to the console.
  const document = parseDocument(text, { logLevel: 'error' });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem === undefined) return document.toJS();
  throw new ConfigError([`${path}: is not plain YAML at line ${problem.linePos?.[0].line ?? 1} (${problem.code})`]);
}

const reference = /\$\{(env|file):([^}]+)\}/g;

/** What was meant for a reference and is none would be taken for the secret itself. */
const misspeltReference = /\$\{[^}]*\}/;

/** Replaces `${env:NAME}` and `${file:path}` in every text of a configuration. */
export async function resolveReferences(value: unknown, sources: ReferenceSources = {}): Promise<unknown> {
  const { environment = process.env, readTextFile = (path) => readFile(path, 'utf8') } = sources;
  const problems: string[] = [];

  const lookUp = async (kind: string, name: string, field: string): Promise<string> => {
    if (kind === 'env') {
      const found = environment[name];
      if (found === undefined || found === '') problems.push(`${field}: the environment variable ${name} is not set`);
      return found ?? '';
    }
    try {
      return (await readTextFile(name)).trim();
    } catch {
      problems.push(`${field}: the file ${name} cannot be read`);
      return '';
    }
  };

  const walk = async (node: unknown, path: readonly string[]): Promise<unknown> => {
    if (typeof node === 'string') {
      if (misspeltReference.test(node.replaceAll(reference, ''))) {
        problems.push(`${path.join('.')}: has a \`\${…}\` that is neither \`\${env:NAME}\` nor \`\${file:path}\``);
      }
      let text = node;
      for (const [whole, kind = '', name = ''] of node.matchAll(reference)) {
        const found = await lookUp(kind, name, path.join('.'));
        text = text.replace(whole, () => found);
      }
      return text;
    }
    if (Array.isArray(node)) return Promise.all(node.map((item, index) => walk(item, [...path, String(index)])));
    if (typeof node === 'object' && node !== null && Object.getPrototypeOf(node) === Object.prototype) {
      const entries = Object.entries(node).map(async ([key, item]) => [key, await walk(item, [...path, key])] as const);
      return Object.fromEntries(await Promise.all(entries));
    }
    return node;
  };

  const resolved = await walk(value, []);
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

/** Refuses the credentials of the sandbox, which everybody knows. */
export function refuseSandboxCredentials(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string' && value.includes(sandboxMarker)) {
    throw new ConfigError([`${path.join('.')}: is a credential of the sandbox, which everybody knows`]);
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) refuseSandboxCredentials(item, [...path, key]);
  }
}
