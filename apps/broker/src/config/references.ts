import { isAbsolute, resolve } from 'node:path';
import { codeOfForeignError } from '@valetkey/core-types';
import { ConfigError } from './config-error.ts';
import { toConfigPath } from './config-path.ts';
import { findUnplainData, isCode, isPlainObject } from './plain-data.ts';
import { readTextFile as readSystemFile, wrongEncoding } from './read-text-file.ts';

/** The sources of references. Default: the environment of this process, and the file system. */
export interface ReferenceDependencies {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly readTextFile?: (path: string) => Promise<string>;
}

const reference = /\$\{(env|file):([^}]+)\}/g;

/** The names of variables that a message shows. Any other name may be a secret in the wrong place. */
const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** Any other `${…}` is refused as a misspelt reference. Otherwise the broker would use its text as the secret. */
const misspeltReference = /\$\s*\{[^}]*\}|\$\{(?:env|file):|^\s*\{\s*(?:env|file):[^}]*\}\s*$/;

/**
 * A whole text that is a reference in another language: of a shell (`$NAME`, `$(NAME)`, `$env:NAME`, `%NAME%`), of a template
 * (`{{ NAME }}`, `#{NAME}#`), of JavaScript (`process.env.NAME`), or without its braces (`env:NAME`, `env(NAME)`).
 */
const foreignReference =
  /^(?:\$\(?[A-Za-z_]\w*\)?|\$env:\w+|%[A-Za-z_]\w*%|[#%]\{.*\}#?|\{\{.*\}\}|(?:process|import\.meta|Deno|Bun)\.env\.\w+|\$?(?:env|file):\S+|(?:get)?env\(.*\)|os\.environ\W.*)$/i;

/** A whole text that names a secret in a secret manager, or the mounted file of a secret. */
const secretName =
  /^(?:op:\/\/|ref\+\w+:\/\/|vault:\S+#|arn:aws[\w-]*:(?:secretsmanager|ssm):|projects\/[^/]+\/secrets\/|@Microsoft\.KeyVault\(|ENC\[|@?\/(?:var\/)?run\/secrets\/)/;

/** The names of query parameters that a call allows. OData's begin with `$`, as a variable of a shell does. */
const queryParameter = /^vendors\.[^.]+\.allow\.\d+\.query\.\d+$/;

function isForeignReference(text: string): boolean {
  return foreignReference.test(text) || secretName.test(text);
}

/** Returns whether a text contains a reference. */
export function hasReference(text: string): boolean {
  return text.search(reference) !== -1;
}

/** Returns the files that the references in a text name. */
export function filesOf(text: string): string[] {
  return [...text.matchAll(reference)].flatMap(([, kind, name]) =>
    kind === 'file' && name !== undefined ? [name] : [],
  );
}

/**
 * Returns a copy of a configuration in which each `${env:NAME}` and `${file:path}` is replaced.
 *
 * Rejects with a {@link ConfigError} that names each reference that cannot be resolved.
 */
export async function resolveReferences(value: unknown, dependencies: ReferenceDependencies = {}): Promise<unknown> {
  const { environment = process.env, readTextFile = readSystemFile } = dependencies;
  const unplain = findUnplainData(value);
  if (unplain.length > 0) throw new ConfigError(unplain);
  const problems: string[] = [];
  const reportQuotes = (text: string, source: string, name: string, field: string): string => {
    if (isQuoted(text.trim())) problems.push(`${field}: ${describeQuotes(source, name)}`);
    return text;
  };

  const lookUp = async (kind: string, name: string, field: string): Promise<string> => {
    if (kind === 'env') {
      const found = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (found === undefined || found === '')
        problems.push(
          `${field}: the environment variable ${variableName.test(name) ? name : 'of its reference'} is not set or is empty`,
        );
      return reportQuotes(found ?? '', 'environment variable', name, field);
    }
    try {
      return reportQuotes((await readTextFile(name)).trim(), 'file', name, field);
    } catch (error) {
      const code = codeOfForeignError(error);
      if (code === wrongEncoding) {
        problems.push(`${field}: the file ${name} is not text in UTF-8; save it in this encoding`);
        return '';
      }
      const tried = isAbsolute(name) ? '' : `; tried ${resolve(name)}`;
      problems.push(`${field}: the file ${name} cannot be read${code === undefined ? '' : ` (${code})`}${tried}`);
      return '';
    }
  };

  const replaceIn = async (text: string, field: string): Promise<string> => {
    if (misspeltReference.test(text.replaceAll(reference, ''))) {
      problems.push(`${field}: has a \`\${…}\` that is neither \`\${env:NAME}\` nor \`\${file:path}\``);
    } else if (isForeignReference(text.trim()) && !(queryParameter.test(field) && /^\$[a-z]+$/.test(text))) {
      problems.push(`${field}: looks like a reference, but the broker reads only '\${env:NAME}' and '\${file:path}'`);
    }
    let replaced = '';
    let end = 0;
    for (const { 0: whole, 1: kind = '', 2: name = '', index } of text.matchAll(reference)) {
      replaced += text.slice(end, index) + (await lookUp(kind, name, field));
      end = index + whole.length;
    }
    return replaced + text.slice(end);
  };

  const walk = async (node: unknown, path: readonly PropertyKey[]): Promise<unknown> => {
    if (typeof node === 'string') return replaceIn(node, toConfigPath(path));
    if (Array.isArray(node)) return Promise.all(node.map((item, index) => walk(item, [...path, index])));
    if (!isPlainObject(node) || isCode(path)) return node;
    if (isReferenceAsObject(node)) {
      problems.push(`${toConfigPath(path)}: is an object; write a reference as '\${env:NAME}'`);
      return undefined;
    }
    const entries = Object.entries(node).map(async ([key, item]) => [key, await walk(item, [...path, key])] as const);
    return Object.fromEntries(await Promise.all(entries));
  };

  const resolved = await walk(value, []);
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

function describeQuotes(source: string, name: string): string {
  const shown = variableName.test(name) ? ` ${name}` : '';
  return `the value of the ${source}${shown} is in quotes; remove them (\`docker --env-file\` keeps quotes)`;
}

/** Returns whether a whole text is in one pair of quotes. The readers of keys in PEM remove quotes themselves. */
function isQuoted(text: string): boolean {
  return /^(["'`])(?!\s*-----BEGIN )[^"'`]*\1$/.test(text);
}

/** Returns whether a reference lacks its `$`. YAML reads `{env:NAME}` and `{{ NAME }}` as objects with one empty field. */
function isReferenceAsObject(node: Readonly<Record<string, unknown>>): boolean {
  const [[name = '', value] = []] = Object.entries(node);
  return value === null && /^\{|^\s*(?:env|file):/.test(name);
}
