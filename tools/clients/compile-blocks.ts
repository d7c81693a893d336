import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../workspace.ts';
import type { Block } from './page-code.ts';

const clientFolder = join(root, 'apps/client-sdk');

/** What the blocks of a page find around them. */
export interface Surroundings {
  /** A folder with declarations of what the blocks do not import. */
  readonly stubs: string;
  /** A folder with the packages that the blocks import, apart from the client SDK and React. Default: none. */
  readonly packages?: string;
  /** Options of the compiler in place of those with which the blocks import the client SDK from its source. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Compiles blocks as one program, and returns what TypeScript finds in them, each with the place of its block. */
export function compileBlocks(blocks: readonly Block[], { stubs, packages, options = {} }: Surroundings): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'valetkey-pages-'));
  try {
    if (packages !== undefined) symlinkSync(packages, join(folder, 'node_modules'));
    cpSync(stubs, folder, { recursive: true });
    return compileIn(folder, blocks, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compileIn(folder: string, blocks: readonly Block[], options: Surroundings['options']): string[] {
  const places = new Map<string, string>();
  for (const [index, { code, language, place }] of blocks.entries()) {
    const checked = code.replaceAll(/^(.*\/\/ does not compile)/gm, '// @ts-expect-error\n$1');
    const [, name = `block-${index}`] = /^\/\/ src\/(.*)\.tsx?\n/.exec(code) ?? [];
    const file = `${name}.${language}`;
    places.set(file, place);
    writeFileSync(join(folder, file), `${checked}\nexport {};\n`);
  }
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
    ...options,
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
