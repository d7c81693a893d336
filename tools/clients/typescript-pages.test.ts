// Compiles the TypeScript of the pages about the client SDK, each block as a file of its own that a reader could paste. A block
// whose first line is a name, such as `// src/valet.ts`, is that file, which other blocks import.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileBlocks } from './compile-blocks.ts';
import { readBlocks, type Block } from './page-code.ts';

/** What the app and the vendors' SDKs have, which the blocks do not import. */
const stubs = join(import.meta.dirname, '__fixtures__/typescript');
const compile = (blocks: readonly Block[]) => compileBlocks(blocks, { stubs });

const pages = ['sessions', 'storage', 'login', 'react'].map((name) => `docs/clients/${name}.md`);
const blocks = ['README.md', ...pages, 'apps/client-sdk/README.md'].flatMap((page) => readBlocks(page, 'ts', 'tsx'));
const isDeclared = ({ section }: Block) => section === 'Names of connections';

test('every block of TypeScript in the pages about the client SDK compiles', { timeout: 60_000 }, () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(compile(blocks.filter((block) => !isDeclared(block)))).toEqual([]);
});

test('a block that does not compile is found, with its place', { timeout: 60_000 }, () => {
  const block = { place: 'page.md:1', section: '', language: 'ts', code: "valet.issues('nabla');" };
  expect(compile([block])).toEqual([expect.stringMatching(/^page\.md:1: error TS\d+: Property 'issues'/)]);
});

test('the blocks about the names of connections compile with their declaration', { timeout: 60_000 }, () => {
  const declared = blocks.filter(isDeclared);
  expect(declared).toHaveLength(2);
  expect(compile(declared)).toEqual([]);
});
