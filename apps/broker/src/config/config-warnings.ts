import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Secret } from '@valetkey/core-types';
import type { Config } from './config.ts';
import { toConfigPath } from './config-path.ts';
import { isCode } from './plain-data.ts';
import { filesOf, hasReference } from './references.ts';

/** A configuration in its three forms. */
export interface LoadedConfig {
  /** As the file has it, with references. */
  readonly written: unknown;
  /** With the values of the references. */
  readonly resolved: unknown;
  readonly config: Config;
  /** Whether the file is data. In a program, a text may come from anywhere. */
  readonly isData: boolean;
}

/** Returns what an operator should change although the broker can use the configuration. Each text names a field and no value. */
export async function listWarnings({ written, resolved, config, isData }: LoadedConfig): Promise<string[]> {
  const secrets = collectSecrets(config, new Set<string>(), new Set());
  const warnings: string[] = [];
  const walk = async (node: unknown, value: unknown, path: readonly PropertyKey[]): Promise<void> => {
    if (typeof node === 'string') {
      if (typeof value !== 'string' || !isSecret(value, secrets)) return;
      const field = toConfigPath(path);
      if (isData && !hasReference(node)) warnings.push(`${field}: ${literalSecret}`);
      for (const file of filesOf(node)) warnings.push(...(await listOpenModes(field, file)));
    } else if (typeof node === 'object' && node !== null && !isCode(path)) {
      const values = (value ?? {}) as Readonly<Record<string, unknown>>;
      for (const [key, item] of Object.entries(node)) await walk(item, values[key], [...path, key]);
    }
  };
  await walk(written, resolved, []);
  return warnings;
}

const literalSecret =
  "has a secret in the configuration file, where copies and backups of the file reveal it; write '${env:NAME}' or '${file:path}'";

/** Returns the texts of all secrets inside a value. */
function collectSecrets(value: unknown, found: Set<string>, seen: Set<object>): Set<string> {
  if (value instanceof Secret) return found.add(value.reveal());
  if (typeof value !== 'object' || value === null || seen.has(value)) return found;
  seen.add(value);
  for (const item of Object.values(value)) collectSecrets(item, found, seen);
  return found;
}

/** Returns whether a text is a secret. A URL is one only if it has a password. */
function isSecret(text: string, secrets: ReadonlySet<string>): boolean {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return true;
  if (!secrets.has(text.trim())) return false;
  // Not parsed as a URL, because PostgreSQL allows several hosts in one.
  return !text.includes('://') || /:\/\/[^/?#]*:[^/?#]+@|[?&]password=/.test(text);
}

/** Returns a warning if users of this machine other than its owner may read a file. Windows has no such modes. */
async function listOpenModes(field: string, file: string): Promise<string[]> {
  if (process.platform === 'win32') return [];
  const mode = await stat(file).then(
    (status) => status.mode & 0o777,
    () => 0,
  );
  if ((mode & 0o077) === 0) return [];
  const path = resolve(file);
  return [
    `${field}: other users of this machine may use the file ${path} (mode ${mode.toString(8)}); run \`chmod 600 ${path}\``,
  ];
}
