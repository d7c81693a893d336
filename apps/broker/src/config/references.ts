import { isAbsolute, resolve } from 'node:path';
import { codeOfForeignError } from '@valetkey/core-types';
import type { ManagerDependencies, RemoteKind } from '../secrets/open-managers.ts';
import { SecretNameError, SecretReadError, type ReadSecret } from '../secrets/secret-manager.ts';
import { ConfigError } from './config-error.ts';
import { toConfigPath } from './config-path.ts';
import { findUnplainData, isCode, isPlainObject } from './plain-data.ts';
import { maxValueBytes, notRegular, readValueFile, tooLong, wrongEncoding } from './read-text-file.ts';
import { findMistakenReference, isReferenceAsObject, referencesIn, type Reference } from './reference-syntax.ts';

/** The sources of references. Default: the environment of this process, and the file system. */
export interface ReferenceDependencies extends Partial<ManagerDependencies> {
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Reads the values of the references whose values are read over the network. */
export type RemoteReaders = Readonly<Record<RemoteKind, ReadSecret>>;

/** A reference of a configuration, and where it stands. */
export interface ReferenceUse extends Pick<Reference, 'kind' | 'name' | 'text'> {
  readonly path: readonly PropertyKey[];
  /** The secret manager's name of the version. */
  readonly version?: string | undefined;
  /** When this version was created, in milliseconds since 1970. */
  readonly createdAtMs?: number | undefined;
}

/** A copy of a configuration with the values of its references, what is wrong with them, and the references themselves. */
export interface ReadReferences {
  readonly resolved: unknown;
  readonly problems: readonly string[];
  readonly uses: readonly ReferenceUse[];
}

/** The value of a reference, or what is wrong with it. */
type Found =
  | { readonly problem: string }
  | { readonly value: string; readonly version?: string | undefined; readonly createdAtMs?: number | undefined };

/** The names of variables that a message shows. Any other name may be a secret in the wrong place. */
const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/**
 * Returns a copy of a configuration in which each `${env:NAME}` and `${file:path}` is replaced. Other references are problems.
 *
 * Rejects with a {@link ConfigError} that names each reference that cannot be resolved.
 */
export async function resolveReferences(value: unknown, dependencies: ReferenceDependencies = {}): Promise<unknown> {
  const { resolved, problems } = await readReferences(value, dependencies, refuseRemote('it cannot be used here'));
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

/** Returns readers that reject with a reason. */
export function refuseRemote(reason: string): RemoteReaders {
  const refuse = () => Promise.reject(new SecretReadError(reason));
  return { vault: refuse, 'aws-sm': refuse };
}

/**
 * Reads the value of each reference in a configuration. Rejects with a {@link ConfigError} if the configuration is not plain data.
 */
export async function readReferences(
  value: unknown,
  dependencies: ReferenceDependencies,
  readers: RemoteReaders,
): Promise<ReadReferences> {
  const unplain = findUnplainData(value);
  if (unplain.length > 0) throw new ConfigError(unplain);
  const problems: string[] = [];
  const uses: ReferenceUse[] = [];

  const replaceIn = async (text: string, path: readonly PropertyKey[]): Promise<string> => {
    const field = toConfigPath(path);
    const mistake = findMistakenReference(text, field);
    if (mistake !== undefined) problems.push(`${field}: ${mistake}`);
    let replaced = '';
    let end = 0;
    for (const { index, ...found } of referencesIn(text)) {
      const result = await lookUp(found, dependencies, readers);
      if ('problem' in result) problems.push(`${field}: ${result.problem}`);
      else uses.push({ ...found, path, version: result.version, createdAtMs: result.createdAtMs });
      replaced += text.slice(end, index) + ('problem' in result ? '' : result.value);
      end = index + found.text.length;
    }
    return replaced + text.slice(end);
  };

  const walk = async (node: unknown, path: readonly PropertyKey[]): Promise<unknown> => {
    if (typeof node === 'string') return replaceIn(node, path);
    if (Array.isArray(node)) return Promise.all(node.map((item, index) => walk(item, [...path, index])));
    if (!isPlainObject(node) || isCode(path)) return node;
    if (isReferenceAsObject(node)) {
      problems.push(`${toConfigPath(path)}: is an object; write a reference as '\${env:NAME}'`);
      return undefined;
    }
    const entries = Object.entries(node).map(async ([key, item]) => [key, await walk(item, [...path, key])] as const);
    return Object.fromEntries(await Promise.all(entries));
  };

  return { resolved: await walk(value, []), problems, uses };
}

function lookUp(
  { kind, name, text }: Omit<Reference, 'index'>,
  { environment = process.env, readTextFile = readValueFile }: ReferenceDependencies,
  readers: RemoteReaders,
): Promise<Found> | Found {
  if (kind === 'env') return lookUpVariable(name, environment);
  return kind === 'file' ? lookUpFile(name, readTextFile) : lookUpRemote(text, name, readers[kind]);
}

function lookUpVariable(name: string, environment: NonNullable<ReferenceDependencies['environment']>): Found {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (value !== undefined && value !== '') return refuseQuotes(value, 'environment variable', name);
  const shown = variableName.test(name) ? name : 'of its reference';
  return { problem: `the environment variable ${shown} is not set or is empty` };
}

async function lookUpFile(
  name: string,
  readTextFile: NonNullable<ReferenceDependencies['readTextFile']>,
): Promise<Found> {
  try {
    return refuseQuotes((await readTextFile(name)).trim(), 'file', name);
  } catch (error) {
    const code = codeOfForeignError(error);
    if (code === wrongEncoding) return { problem: `the file ${name} is not text in UTF-8; save it in this encoding` };
    if (code === notRegular) return { problem: `the file ${name} is not a regular file` };
    if (code === tooLong) return { problem: `the file ${name} has more than ${maxValueBytes} bytes` };
    const tried = isAbsolute(name) ? '' : `; tried ${resolve(name)}`;
    return { problem: `the file ${name} cannot be read${code === undefined ? '' : ` (${code})`}${tried}` };
  }
}

async function lookUpRemote(text: string, name: string, read: ReadSecret): Promise<Found> {
  try {
    const { secret, ...facts } = await read(name);
    return { value: secret.reveal(), ...facts };
  } catch (error) {
    if (error instanceof SecretNameError) return { problem: error.message };
    return { problem: `${text} cannot be read: ${SecretReadError.reasonOf(error)}` };
  }
}

function refuseQuotes(value: string, source: string, name: string): Found {
  if (!isQuoted(value.trim())) return { value };
  const shown = variableName.test(name) ? ` ${name}` : '';
  return {
    problem: `the value of the ${source}${shown} is in quotes; remove them (\`docker --env-file\` keeps quotes)`,
  };
}

/** Returns whether a whole text is in one pair of quotes. The readers of keys in PEM remove quotes themselves. */
function isQuoted(text: string): boolean {
  return /^(["'`])(?!\s*-----BEGIN )[^"'`]*\1$/.test(text);
}
