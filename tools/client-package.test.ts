// Packs the client SDK as for a release, and uses the tarball as apps do that know nothing of this repository.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientEntries, listRootFiles } from './client-sdk/entries.ts';
import { packClient, type PackedProject } from './client-sdk/pack.ts';
import { testPlatforms } from './platforms/platforms.ts';
import { root } from './workspace.ts';

let packed: PackedProject;
let project: string;
let packageFolder: string;

beforeAll(() => {
  packed = packClient();
  ({ folder: project, packageFolder } = packed);
}, 180_000);
afterAll(() => rmSync(project, { recursive: true }));

/** Runs a program in the project and returns what it prints. */
function run(name: string, program: string): unknown {
  writeFileSync(join(project, name), program);
  return JSON.parse(execFileSync(process.execPath, [name], { cwd: project, encoding: 'utf8' }));
}

const listing = `JSON.stringify([Object.keys(sdk).sort(), sdk.createValetClient({
  brokerUrl: 'https://broker.example', getAppToken: () => null }) !== null])`;

test('the package loads with require and with import, and both have the same exports', () => {
  const required = run('load.cjs', `const sdk = require('@valetkey/client-sdk'); console.log(${listing});`);
  const imported = run('load.mjs', `import * as sdk from '@valetkey/client-sdk'; console.log(${listing});`);

  expect(required).toEqual(imported);
  expect(required).toEqual([expect.arrayContaining(['createValetClient', 'ValetError', 'vitalReconcile']), true]);
});

test('an error of the copy for require is a ValetError for the copy for import', () => {
  const program = `import { createRequire } from 'node:module';
    import { ValetError } from '@valetkey/client-sdk';
    const other = createRequire(import.meta.url)('@valetkey/client-sdk');
    console.log(JSON.stringify([other.ValetError === ValetError, ValetError.isInstance(new other.ValetError('x', 'y'))]));`;

  expect(run('both.mjs', program)).toEqual([false, true]);
});

test('a bundler that reads only main, and only files that end in .js, finds CommonJS files that import nothing else', () => {
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as Record<string, string>;
  const file = join(packageFolder, manifest['main'] ?? '');
  const folder = dirname(file);
  const code = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.endsWith('.json') && !path.endsWith('.d.ts') && statSync(join(folder, path)).isFile())
    .map((path) => [path, readFileSync(join(folder, path), 'utf8')] as const);
  const required = code.flatMap(([, text]) => [...text.matchAll(/\brequire\("([^"]*)"\)/g)].map(([, name]) => name));

  expect(file).toMatch(/\.js$/);
  expect(Object.keys(createRequire(file)(file) as object)).toContain('createValetClient');
  expect(code.filter(([path, text]) => !path.endsWith('.js') || /^import /m.test(text))).toEqual([]);
  expect(required.filter((name) => !/^\.{1,2}\/[\w./-]+\.js$/.test(name ?? ''))).toEqual([]);
  expect(existsSync(join(packageFolder, manifest['types'] ?? ''))).toBe(true);
});

test('each entry has a file at the root of the package, for programs that do not read exports', () => {
  for (const { file } of listRootFiles()) expect(existsSync(join(packageFolder, file)), file).toBe(true);
  expect(listRootFiles()).toHaveLength(2 * (clientEntries.length - 1));
});

test('the entries of one copy share their code, so each has the same ValetError', () => {
  const program = (load: string) => `${load}
    console.log(JSON.stringify(sdk.ValetError === session.ValetError));`;
  const require = (name: string) =>
    `const ${name} = require('@valetkey/client-sdk${name === 'sdk' ? '' : `/${name}`}');`;
  const imports = `import * as sdk from '@valetkey/client-sdk'; import * as session from '@valetkey/client-sdk/session';`;

  expect(run('shared.cjs', program(require('sdk') + require('session')))).toBe(true);
  expect(run('shared.mjs', program(imports))).toBe(true);
});

test('an installer that checks engines installs the package on every version of Node', () => {
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as object;

  expect(manifest).not.toHaveProperty('engines');
  expect(manifest).not.toHaveProperty('dependencies');
  expect(manifest).not.toHaveProperty('devDependencies.typescript');
});

const consumer = `import { createValetClient, ValetError, type ValetClient } from '@valetkey/client-sdk';
import { memoryStorage, type DeviceStorage } from '@valetkey/client-sdk/session';
const valet: ValetClient = createValetClient({ brokerUrl: 'https://broker.example', getAppToken: () => null });
export const token: Promise<string> = valet.issue('nudge').then(({ token }) => token);
// @ts-expect-error the user id is a text
export const id: Promise<number> = valet.issue('vital').then(({ user_id }) => user_id);
export const storage: DeviceStorage = memoryStorage();
export const code = (error: ValetError): string => error.code;
`;

/** TypeScript 5, which still has the module resolution of Node 10. The checker of packed types brings it. */
function findTypeScript5(): string {
  const cli = createRequire(join(root, 'package.json')).resolve('@arethetypeswrong/cli/package.json');
  const core = createRequire(cli).resolve('@arethetypeswrong/core/package.json');
  return join(dirname(createRequire(core).resolve('typescript')), 'tsc.js');
}

test.each([
  ['node10', 'commonjs', 'consumer.ts'],
  ['node16', 'node16', 'consumer.cts'],
  ['node16', 'node16', 'consumer.mts'],
  ['bundler', 'esnext', 'consumer.ts'],
])('TypeScript with moduleResolution %s (module %s) accepts %s', (moduleResolution, module, name) => {
  writeFileSync(join(project, name), consumer);
  const options = ['--noEmit', '--strict', '--target', 'es2020', '--lib', 'es2022,dom'];
  const resolution = ['--moduleResolution', moduleResolution, '--module', module];

  // It checks the declarations as well: `skipLibCheck` is off.
  const check = spawnSync(process.execPath, [findTypeScript5(), ...options, ...resolution, name], {
    cwd: project,
    encoding: 'utf8',
  });

  expect([check.stdout, check.status]).toEqual(['', 0]);
});

// In the same file, because two files at once would build the package at once.
testPlatforms(() => packed);
