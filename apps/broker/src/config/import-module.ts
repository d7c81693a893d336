import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';

/**
 * Imports a module of the operator, and the operator's own modules that it imports. Their syntax decides whether they are ES
 * modules, even if `package.json` says otherwise: `npm init` of npm 11 writes `"type": "commonjs"` by default.
 */
export async function importModule(url: string): Promise<{ readonly default?: unknown }> {
  const folder = dirname(fileURLToPath(url));
  const realFolder = dirname(await realpath(fileURLToPath(url)));
  const hooks = registerHooks({
    load: (loaded, context, nextLoad) => {
      noteModule(loaded, { folder, realFolder });
      return nextLoad(loaded, isEsModule(loaded, context.format) ? { ...context, format: formatOf(loaded) } : context);
    },
  });
  try {
    return (await import(url)) as { readonly default?: unknown };
  } finally {
    hooks.deregister();
  }
}

/** The operator's own modules that this process runs, with a digest of the text that it runs. */
const runModules = new Map<string, string>();

const digestOf = (bytes: Buffer): string => hash('sha256', bytes, 'base64url');

/** A file of more bytes is no module that a person wrote. */
const maxModuleBytes = 16 * 1_024 * 1_024;

/**
 * Node names a module by the file that symbolic links lead to. A module in the folder of the configuration is noted by its path in that
 * folder, because Kubernetes replaces the real folder when any file of it changes.
 */
function noteModule(
  url: string,
  { folder, realFolder }: { readonly folder: string; readonly realFolder: string },
): void {
  if (!url.startsWith('file:') || url.includes('/node_modules/')) return;
  const path = fileURLToPath(url);
  const isInFolder = path.startsWith(realFolder + sep);
  runModules.set(isInFolder ? folder + path.slice(realFolder.length) : path, digestOf(readFileSync(path)));
}

/** Returns the paths of the operator's modules that this process runs. */
export function listModules(): string[] {
  return [...runModules.keys()];
}

/** Returns the paths of the operator's modules whose files have changed since this process loaded them. Node runs a module only once. */
export async function findChangedModules(): Promise<string[]> {
  const changed = [...runModules].map(async ([path, digest]) => {
    const facts = await stat(path).catch(() => undefined);
    const isReadable = facts?.isFile() === true && facts.size <= maxModuleBytes;
    const bytes = isReadable ? await readFile(path).catch(() => undefined) : undefined;
    return bytes !== undefined && digestOf(bytes) === digest ? [] : [path];
  });
  return (await Promise.all(changed)).flat();
}

const formatOf = (url: string): string => (isTypeScript(url) ? 'module-typescript' : 'module');

const isTypeScript = (url: string): boolean => /\.[cm]?ts$/.test(url);

/**
 * Returns whether a file that Node takes for CommonJS cannot be CommonJS. Returns false for a file of an installed package, whose own
 * `package.json` names the format.
 */
function isEsModule(url: string, format: string | null | undefined): boolean {
  if (!/^file:.*\.[cm]?[jt]s$/.test(url) || url.includes('/node_modules/')) return false;
  if (format !== undefined && format !== null && !format.startsWith('commonjs')) return false;
  try {
    const source = readFileSync(fileURLToPath(url), 'utf8');
    compileFunction(isTypeScript(url) ? stripTypeScriptTypes(source) : source, commonJsNames);
    return false;
  } catch (error) {
    return error instanceof SyntaxError;
  }
}

/** The names that CommonJS declares in every module. */
const commonJsNames = ['exports', 'require', 'module', '__filename', '__dirname'];
