import { readFileSync } from 'node:fs';

const folder = new URL('../__fixtures__/vectors/', import.meta.url);

/** Returns the contents of a file of test vectors. */
export function readVectors<Document>(name: string): Document {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Document;
}
