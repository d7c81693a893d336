import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

/** The packages that this file loads, and the files that it loads, when it is loaded. */
const loadedBy = async (file: string, seen = new Set<string>()): Promise<Set<string>> => {
  if (seen.has(file)) return seen;
  seen.add(file);
  const source = await readFile(new URL(file, import.meta.url), 'utf8');
  for (const [, names = '', from = ''] of source.matchAll(/^(?:import|export) (?!type )([^;]*?)from '([^']+)';/gm)) {
    const onlyTypes = /^\{(?:\s*type [^,}]+,?)+\s*\}\s*$/.test(names);
    if (onlyTypes) continue;
    if (from.startsWith('.')) await loadedBy(from, seen);
    else seen.add(from);
  }
  return seen;
};

const packagesOf = async (file: string): Promise<string[]> =>
  [...(await loadedBy(file))].filter((name) => !name.startsWith('.')).toSorted();

test('the cache in memory loads neither Redis nor any cryptography', async () => {
  expect(await packagesOf('./index.ts')).toEqual(['@valetkey/core-types', 'zod']);
});

test('stores load what they need, and Redis only when it is used', async () => {
  expect(await packagesOf('./store.ts')).toEqual(['@valetkey/core-types', 'node:crypto', 'zod']);
  expect(await packagesOf('./redis.ts')).toEqual(['@valetkey/core-types', 'node:crypto', 'zod']);
});

test('the conformance suite loads no test framework', async () => {
  expect(await packagesOf('./conformance.ts')).toEqual(['node:assert/strict']);
});
