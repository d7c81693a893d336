import { readFile } from 'node:fs/promises';

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
