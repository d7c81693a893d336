import * as fileSystem from 'node:fs';
import { dirname } from 'node:path';
import { codeOfForeignError } from '@valetkey/core-types';

/** A SQLite file cannot be used. The message says which step failed and why, without the path. */
export class SqliteFileError extends Error {
  static {
    this.prototype.name = 'SqliteFileError';
  }
}

/** The functions of `node:fs` that prepare a file. */
export type FileSystem = Pick<typeof fileSystem, 'mkdirSync' | 'openSync' | 'closeSync' | 'statSync' | 'chmodSync'>;

interface FileDependencies {
  readonly files?: FileSystem | undefined;
  /** Called with a sentence about something that does not stop the broker. */
  readonly warn: (problem: string) => void;
}

/** Runs one step, and names the step if it fails. */
export function runStep<Result>(failure: string, step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    // SQLite has a fixed text for each of its codes.
    const { errstr } = error as { errstr?: string };
    throw new SqliteFileError(`${failure} (${errstr ?? codeOfForeignError(error) ?? 'unknown error'})`);
  }
}

/**
 * Creates a missing file with its folder, and makes the file readable only by its owner before SQLite opens it: SQLite gives
 * the files beside it the same mode. The broker may write a file that it does not own, but only the owner may set its mode.
 */
export function makePrivateFile(path: string, { files = fileSystem, warn }: FileDependencies): void {
  runStep('its folder cannot be created', () => files.mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
  runStep('the file cannot be opened for writing', () => files.closeSync(files.openSync(path, 'a', 0o600)));
  const { mode } = runStep('the file cannot be examined', () => files.statSync(path));
  if ((mode & 0o777) === 0o600) return;
  try {
    files.chmodSync(path, 0o600);
  } catch (error) {
    const code = codeOfForeignError(error) ?? 'unknown error';
    warn(
      `The mode of the SQLite file cannot be set to 0600 (${code}), so other users of this machine may be able to read it. Its owner can set the mode.`,
    );
  }
}
