import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { codeOfForeignError } from '@valetkey/core-types';
import type { Config } from '../config/config.ts';

/** Returns the path of a configured SQLite file that does not exist yet. `valetkey start` would create it. */
export async function findMissingFile(store: Config['store']): Promise<string | undefined> {
  if (!('sqlite' in store) || store.sqlite === ':memory:') return undefined;
  const code = (await findCodeOf(stat(store.sqlite))) ?? '';
  return ['ENOENT', 'ENOTDIR'].includes(code) ? store.sqlite : undefined;
}

/** Returns the code of the reason why a missing file cannot be created with its folders, or undefined. Creates nothing. */
export async function findCreationProblem(path: string): Promise<string | undefined> {
  const folder = dirname(resolve(path));
  const code = await findCodeOf(access(folder, constants.W_OK | constants.X_OK));
  if (code === 'ENOENT' && folder !== dirname(folder)) return findCreationProblem(folder);
  if (code !== undefined) return code;
  return (await stat(folder)).isDirectory() ? undefined : 'ENOTDIR';
}

async function findCodeOf(operation: Promise<unknown>): Promise<string | undefined> {
  try {
    await operation;
    return undefined;
  } catch (error) {
    return codeOfForeignError(error) ?? 'unknown error';
  }
}
