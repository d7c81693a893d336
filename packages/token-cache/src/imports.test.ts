import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Import {
  readonly specifier: string;
  /** The imported file's URL, for a file of this package. */
  readonly url: string | undefined;
  readonly typeOnly: boolean;
}

/** Returns the static imports and re-exports of a source file. */
function importsOf(url: string): Import[] {
  const source = readFileSync(fileURLToPath(url), 'utf8');
  const statements = source.matchAll(/^(?:import|export) (type )?([^;]*?)from '([^']+)';/gm);
  return Array.from(statements, ([, type, names = '', specifier = '']) => ({
    specifier,
    url: specifier.startsWith('.') ? new URL(specifier, url).href : undefined,
    typeOnly: type !== undefined || /^\{(?:\s*type [^,}]+,?)+\s*\}\s*$/.test(names),
  }));
}

/** Returns the packages that an entry file imports, directly or through other files. Type imports do not count. */
function packagesLoadedBy(entry: string): string[] {
  const files = new Set([new URL(entry, import.meta.url).href]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const { specifier, url, typeOnly } of importsOf(file)) {
      if (!typeOnly) (url === undefined ? packages : files).add(url ?? specifier);
    }
  }
  return [...packages].toSorted();
}

test('index.ts loads only core-types and zod', () => {
  expect(packagesLoadedBy('./index.ts')).toEqual(['@valetkey/core-types', 'zod']);
});

test('store.ts and redis.ts do not load redis', () => {
  expect(packagesLoadedBy('./store.ts')).toEqual(['@valetkey/core-types', 'node:crypto', 'zod']);
  expect(packagesLoadedBy('./redis.ts')).toEqual(['@valetkey/core-types', 'node:crypto', 'zod']);
});

test('conformance.ts loads no test framework', () => {
  expect(packagesLoadedBy('./conformance.ts')).toEqual(['node:assert/strict']);
});

const rooms = ['cache', 'renewal', 'stores'];

/** The source files in the rooms, without tests. */
const sources = globSync('{cache,renewal,stores}/*.ts', { cwd: fileURLToPath(new URL('.', import.meta.url)) })
  .filter((file) => !file.includes('.test'))
  .map((file) => new URL(file, import.meta.url).href);

const roomOf = (url: string): number => rooms.indexOf(url.split('/').at(-2) ?? '');

test('cache imports renewal and stores, renewal imports stores, and no room imports the other way', () => {
  const wrongWay = sources.flatMap((file) =>
    importsOf(file)
      .filter(({ url }) => url !== undefined && roomOf(url) < roomOf(file))
      .map(({ specifier }) => `${file} imports ${specifier}`),
  );
  expect(sources.length).toBeGreaterThan(20);
  expect(wrongWay).toEqual([]);
});

test('there is no import cycle, even of types', () => {
  const remaining = new Map(sources.map((file) => [file, importsOf(file).flatMap(({ url }) => url ?? [])]));
  for (let size = -1; size !== remaining.size;) {
    size = remaining.size;
    for (const [file, imported] of remaining) {
      if (!imported.some((other) => remaining.has(other))) remaining.delete(file);
    }
  }
  expect([...remaining.keys()]).toEqual([]);
});
