import { readFile, stat } from 'node:fs/promises';

/** The code of the error for bytes that are no text in the expected encoding. */
export const wrongEncoding = 'ERR_ENCODING_INVALID_ENCODED_DATA';

/**
 * Reads a text file in UTF-8, or in UTF-16 if a byte order mark says so, as some tools on Windows write it. Rejects with the code
 * {@link wrongEncoding} for any other encoding: replaced characters would give other values than the file has.
 */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readFile(path);
  const mark = bytes.subarray(0, 2).toString('hex');
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

/** The most bytes of a file whose text is a value of the configuration. */
export const maxValueBytes = 1_048_576;

/** The codes of the errors for a file that is not read. */
export const notRegular = 'ERR_NOT_A_REGULAR_FILE';
export const tooLong = 'ERR_FILE_TOO_LONG';

/**
 * Reads a text file as {@link readTextFile} does. Rejects with the code {@link notRegular} for a pipe or a device, whose reading may
 * never end, and with {@link tooLong} for a file of more than {@link maxValueBytes} bytes.
 */
export async function readValueFile(path: string): Promise<string> {
  const facts = await stat(path);
  if (!facts.isFile() && !facts.isDirectory()) throw errorOf(notRegular);
  if (facts.size > maxValueBytes) throw errorOf(tooLong);
  return readTextFile(path);
}

function errorOf(code: string): Error {
  return Object.assign(new Error('The file cannot be a value of the configuration.'), { code });
}
