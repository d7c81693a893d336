// Compiles the TypeScript of the pages about the client SDK, each block as a file of its own that a reader could paste. A block
// whose first line is a name, such as `// src/valet.ts`, is that file, which other blocks import.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { root } from '../workspace.ts';
import { readBlocks, type Block } from './page-code.ts';

const clientFolder = join(root, 'apps/client-sdk');
/** What the app and the vendors' SDKs have, which the blocks do not import. */
const stubs = join(import.meta.dirname, '__fixtures__/typescript');

/** Compiles blocks as one program, and returns what TypeScript finds in them, each with the place of its block. */
function compile(blocks: readonly Block[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'valetkey-pages-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const places = new Map<string, string>();
  for (const [index, { code, language, place }] of blocks.entries()) {
    const checked = code.replaceAll(/^(.*\/\/ does not compile)/gm, '// @ts-expect-error\n$1');
    const [, name = `block-${index}`] = /^\/\/ src\/(.*)\.tsx?\n/.exec(code) ?? [];
    const file = `${name}.${language}`;
    places.set(file, place);
    writeFileSync(join(folder, file), `${checked}\nexport {};\n`);
  }
  cpSync(stubs, folder, { recursive: true });
  const source = join(clientFolder, 'src');
  const types = join(clientFolder, 'node_modules/@types');
  const paths = {
    '@valetkey/client-sdk': [join(source, 'index.ts')],
    '@valetkey/client-sdk/*': [join(source, '*.ts')],
    react: [join(types, 'react')],
    'react/*': [join(types, 'react/*')],
    'react-dom/*': [join(types, 'react-dom/*')],
  };
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    module: 'esnext',
    moduleResolution: 'bundler',
    customConditions: ['@valetkey/source'],
    allowImportingTsExtensions: true,
    jsx: 'react-jsx',
    types: [],
    skipLibCheck: true,
    paths,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const { stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
    encoding: 'utf8',
    cwd: folder,
  });
  const errors = stdout.split('\n').filter((line) => /^\S/.test(line));
  // The sources themselves do not compile with a declaration of names, and are checked without one.
  const found = errors.filter((line) => !line.includes('apps/client-sdk/src/'));
  return found.map((line) => line.replace(/^([\w.-]+)\(\S*/, (_, file: string) => `${places.get(file)}:`));
}

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
