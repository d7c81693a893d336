import { stat } from 'node:fs/promises';
import { codeOfForeignError } from '@valetkey/core-types';

/** A text that is another one after the file, or the file that a symbolic link leads to, has been changed or replaced. */
export type FileFacts = string;

/** Returns the facts of a file. A file that does not exist has facts too. Never rejects, and never opens the file. */
export async function describeFile(path: string): Promise<FileFacts> {
  try {
    const { dev, ino, mode, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, mode, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return codeOfForeignError(error) ?? 'unknown';
  }
}
