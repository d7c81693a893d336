// Packs the client SDK as for a release, and uses the tarball as apps do that know nothing of this repository.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  // `main` and every file that it requires.
  const files = new Set([file]);
  for (const path of files) {
    const names = [...readFileSync(path, 'utf8').matchAll(/\brequire\("([^"]*)"\)/g)].map(([, name = '']) => name);
    for (const name of names) files.add(name.startsWith('.') ? join(dirname(path), name) : name);
  }

  expect(file).toMatch(/\.js$/);
  expect(Object.keys(createRequire(file)(file) as object)).toContain('createValetClient');
  expect([...files].filter((path) => !path.startsWith(dirname(file)) || !path.endsWith('.js'))).toEqual([]);
  expect([...files].filter((path) => /^import /m.test(readFileSync(path, 'utf8')))).toEqual([]);
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

test('the hooks load with require and with import beside the React of the app, and stay client components', () => {
  cpSync(join(root, 'apps/client-sdk/node_modules/react'), join(project, 'node_modules/react'), {
    recursive: true,
    dereference: true,
  });
  const names = 'console.log(JSON.stringify(Object.keys(hooks).sort()));';
  const required = run('react.cjs', `const hooks = require('@valetkey/client-sdk/react'); ${names}`);
  const imported = run('react.mjs', `import * as hooks from '@valetkey/client-sdk/react'; ${names}`);

  expect(required).toEqual(imported);
  expect(required).toEqual(['ValetProvider', 'useLogin', 'useSession', 'useValet', 'useVendorToken']);
  for (const path of ['dist/react.js', 'dist/cjs/react.js']) {
    expect(readFileSync(join(packageFolder, path), 'utf8')).toMatch(/^"use client";/);
  }
});

test("the copy for require has the code of the sign-in's dependency with its licence, and requires no ES module", () => {
  const file = readFileSync(join(packageFolder, 'dist/cjs/oauth4webapi.js'), 'utf8');

  expect(file).toMatch(/^\/\*!\nThe MIT License \(MIT\)\n\nCopyright \(c\) 2022 Filip Skokan/);
  expect(readFileSync(join(packageFolder, 'dist/cjs/login.js'), 'utf8')).not.toContain('require("oauth4webapi")');
});

test('an installer that checks engines installs the package on every version of Node', () => {
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { dependencies: object };

  expect(manifest).not.toHaveProperty('engines');
  expect(Object.keys(manifest.dependencies)).toEqual(['oauth4webapi']);
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

/** The module of TypeScript 5, which still has the module resolution of Node 10. The checker of packed types brings it. */
function findTypeScript5(): string {
  const cli = createRequire(join(root, 'package.json')).resolve('@arethetypeswrong/cli/package.json');
  const core = createRequire(cli).resolve('@arethetypeswrong/core/package.json');
  return createRequire(core).resolve('typescript');
}

const compilers = {
  5: join(dirname(findTypeScript5()), 'tsc.js'),
  7: join(root, 'node_modules/typescript/bin/tsc'),
};

/** The version of TypeScript, its `moduleResolution` and `module`, and the names of the files that it checks. */
type Resolution = readonly [version: 5 | 7, resolution: string, module: string, files: readonly string[]];

const resolutions: readonly Resolution[] = [
  [5, 'node10', 'commonjs', ['consumer.ts']],
  [5, 'node16', 'node16', ['consumer.cts', 'consumer.mts']],
];
const bundler: Resolution = [5, 'bundler', 'esnext', ['consumer.ts']];
const typescript7: Resolution = [7, 'bundler', 'esnext', ['consumer.ts']];

/** Writes the same program to each file, and returns what TypeScript finds. It checks the declarations too, without `skipLibCheck`. */
function compile(
  [version, resolution, module, files]: Resolution,
  program: string,
  declarations: readonly string[] = [],
) {
  for (const file of files) writeFileSync(join(project, file), program);
  const options = ['--noEmit', '--strict', '--skipDefaultLibCheck', '--target', 'es2020', '--lib', 'es2022,dom'];
  const { stdout, status } = spawnSync(
    process.execPath,
    [compilers[version], ...options, '--moduleResolution', resolution, '--module', module, ...declarations, ...files],
    { cwd: project, encoding: 'utf8' },
  );
  return status === 0 ? stdout : `${stdout}exit code ${status}`;
}

test.each([...resolutions, bundler])(
  'TypeScript %i with moduleResolution %s (module %s) accepts %j',
  (...resolution) => {
    expect(compile(resolution, consumer)).toBe('');
  },
);

const connections = ['1', 'nabla', 'nymbl', 'reports', 'vital-eu'];

/** The declaration of the connections, which the broker's command writes from a configuration. */
let declaration: string;
beforeAll(() => {
  const vendors = { nabla: {}, 1: { vendor: 'nudge' }, nymbl: { vendor: 'nudge' }, 'vital-eu': { vendor: 'vital' } };
  const config = { vendors: { ...vendors, reports: { vendor: 'nymbl' } } };
  writeFileSync(join(project, 'valetkey.config.json'), JSON.stringify(config));
  const command = ['--conditions=@valetkey/source', join(root, 'apps/broker/src/cli/command.ts')];
  declaration = execFileSync(process.execPath, [...command, 'types', '--config', 'valetkey.config.json'], {
    cwd: project,
    encoding: 'utf8',
  });
});

/** Writes the declaration to a file, and returns the name of the file. */
function declareConnections(file: string): string {
  writeFileSync(join(project, file), declaration);
  return file;
}

const declaredNames = `import * as sdk from '@valetkey/client-sdk';
declare const valet: sdk.ValetClient;
declare const core: sdk.VitalCore;
export const id: Promise<string> = valet.issue('vital-eu').then(({ user_id }) => user_id);
export const refresh: Promise<string> = valet.token('nabla').then(({ refresh_token }) => refresh_token);
export const token: Promise<string> = valet.forUser(() => null).issue('1').then(({ token }) => token);
export const things: Promise<unknown> = valet.issue('reports').then(({ things }) => things);
export const typed: Promise<number> = valet.issue<{ count: number }>('reports').then(({ count }) => count);
export const response: Promise<Response> = valet.fetch('reports', '/');
export const tokens = [sdk.nablaSessionTokens(valet), sdk.nablaSessionTokens(valet, { connection: 'nabla' })];
export const refreshToken = [
  sdk.nudgeRefreshToken(valet, undefined, { connection: '1' }),
  sdk.nudgeRefreshToken(valet, {}, { connection: 'nymbl', maxWaitMs: 1 }),
];
export const reports = sdk.nymblFetch(valet, { connection: 'reports' });
export const authenticate = sdk.vitalAuthenticate(valet, { connection: 'vital-eu' });
export const signInToken = sdk.vitalSignInToken(valet, { connection: 'vital-eu' });
const options: sdk.VitalReconcileOptions = { connection: 'vital-eu', replaceUser: true };
export const reconcile = sdk.vitalReconcile(valet, core, options);
export const listed: Promise<string | undefined> = valet.session().then(({ vendors }) => vendors['vital-eu']?.vendor);
export const all: Promise<string[]> = valet.session().then(({ vendors }) => Object.values(vendors).map(({ vendor }) => vendor));
export const names: sdk.ConnectionName[] = ${JSON.stringify(connections)};
export const ofNudge: sdk.ConnectionOf<'nudge'>[] = ['1', 'nymbl'];
`;

const refusedNames = [
  `valet.issue('vital_eu');`,
  `valet.issue('vital');`,
  `valet.issue<{ count: number }>('report');`,
  `valet.token('nable');`,
  `valet.fetch('nudge', '/');`,
  `valet.forUser(() => null).fetch('nudge', '/');`,
  `sdk.nablaSessionTokens(valet, { connection: 'vital-eu' });`,
  `sdk.nudgeRefreshToken(valet);`,
  `sdk.nudgeRefreshToken(valet, {});`,
  `sdk.nudgeRefreshToken(valet, {}, { maxWaitMs: 1 });`,
  `sdk.nymblFetch(valet);`,
  `sdk.nymblFetch(valet, {});`,
  `sdk.nymblFetch(valet, { connection: undefined });`,
  `sdk.nymblFetch(valet, { connection: 'nymbl' });`,
  `sdk.vitalAuthenticate(valet);`,
  `sdk.vitalAuthenticate(valet, { connection: 'vital' });`,
  `sdk.vitalReconcile(valet, core);`,
  `sdk.vitalReconcile(valet, core, { replaceUser: true });`,
  `sdk.vitalReconcile(valet, core, { connection: 'vital_eu' });`,
  `sdk.vitalSignInToken(valet);`,
  `valet.session().then(({ vendors }) => vendors['vital_eu']);`,
  `valet.session().then(({ vendors }) => vendors['vital-eu'].vendor);`,
  `export const name: sdk.ConnectionName = 'vital';`,
  `export const ofVital: sdk.ConnectionOf<'vital'> = 'nabla';`,
];

const expectingErrors = refusedNames.map(
  (line) => `// @ts-expect-error no such connection is declared for this use\n${line}\n`,
);

test.each([...resolutions, typescript7])(
  'TypeScript %i with moduleResolution %s (module %s) accepts in %j only the connections that `valetkey types` has declared',
  (...resolution) => {
    const names = resolution[3].map((file) => file.replace('consumer', 'valetkey').replace(/[cm]?ts$/, 'd.$&'));
    const program = [declaredNames, ...expectingErrors].join('');

    expect(compile(resolution, program, names.map(declareConnections))).toBe('');
  },
);

test('TypeScript accepts every name of a connection without a declaration', () => {
  const anyName = refusedNames.join('\n').replaceAll('export const', 'const');

  expect(compile(typescript7, `${declaredNames.split('export')[0]}{\n${anyName}\n}`)).toBe('');
});

const sessionTypes = `import { createNablaSession, createVitalSession, memoryStorage } from '@valetkey/client-sdk/session';
import type { ValetClient } from '@valetkey/client-sdk';
declare const valet: ValetClient;
const storage = memoryStorage();
`;

test('the functions of a session accept a declared connection of their vendor, and need one if none has the id of the vendor', () => {
  const accepted = `createNablaSession(valet, { userId: 'alice', storage });
createNablaSession(valet, { userId: 'alice', storage, connection: 'nabla' });
createVitalSession(valet, { storage, connection: 'vital-eu' });
`;
  const refused = [
    `createNablaSession(valet, { userId: 'alice', storage, connection: 'vital-eu' });`,
    `createVitalSession(valet, { storage });`,
    `createVitalSession(valet, { storage, connection: 'vital' });`,
  ];
  const expecting = refused.map((line) => `// @ts-expect-error no such connection is declared\n${line}\n`);
  const declarations = [declareConnections('valetkey.d.ts')];

  expect(compile(typescript7, `${sessionTypes}${accepted}${expecting.join('')}`, declarations)).toBe('');
  expect(compile(typescript7, `${sessionTypes}${accepted}${refused.join('\n')}`)).toBe('');
});

test('TypeScript names the connections when one is misspelt, and the option `connection` when it is absent', () => {
  const calls = `valet.fetch('nable', '/');\nsdk.nymblFetch(valet, {});\nsdk.vitalSignInToken(valet, { connection: 'vital' });\n`;
  const problems = compile(typescript7, `${declaredNames}${calls}`, [declareConnections('valetkey.d.ts')]);

  expect(problems.match(/error TS/g)).toHaveLength(3);
  expect(problems).toMatch(/"nable".*is not assignable.*"nabla"/);
  expect(problems).toMatch(/Property 'connection' is missing in type '{}'/);
  expect(problems).toMatch(/"vital".*is not assignable to type '"vital-eu"'/);
});

/** Opens a program as an editor does, and returns what the editor shows at the first position after `text`. */
function openInEditor(program: string, ...declarations: readonly string[]) {
  writeFileSync(join(project, 'editor.ts'), program);
  const files = [...declarations, 'editor.ts'].map((name) => join(project, name));
  const typescript = createRequire(import.meta.url)(findTypeScript5()) as TypeScript5;
  const editor = typescript.createLanguageService({
    ...typescript.sys,
    useCaseSensitiveFileNames: () => true,
    getScriptFileNames: () => files,
    getScriptVersion: () => '1',
    getScriptSnapshot: (file) => typescript.ScriptSnapshot.fromString(readFileSync(file, 'utf8')),
    getCompilationSettings: () => ({ strict: true, types: [], module: 99, moduleResolution: 100 }),
    getDefaultLibFileName: typescript.getDefaultLibFilePath,
  });
  const after = (text: string) => program.indexOf(text) + text.length;
  const file = join(project, 'editor.ts');
  return {
    completionsAfter: (text: string) =>
      editor
        .getCompletionsAtPosition(file, after(text), {})
        ?.entries.map(({ name }) => name)
        .toSorted(),
    hoverAfter: (text: string) =>
      editor
        .getQuickInfoAtPosition(file, after(text) - 1)
        ?.displayParts.map(({ text }) => text)
        .join(''),
  };
}

test('an editor completes the connections in calls of issue, token and fetch, and those of one vendor in its functions', () => {
  const editor = openInEditor(
    `${declaredNames.split('export')[0]}${sessionTypes.replace('declare const valet: ValetClient;', '')}
valet.issue('', {});
valet.token('', {});
valet.fetch('', '/');
sdk.nudgeRefreshToken(valet, {}, { connection: '' });
sdk.nablaSessionTokens(valet, { connection: '' });
sdk.vitalReconcile(valet, core, { connection: '' });
createVitalSession(valet, { storage, connection: '' });
`,
    declareConnections('valetkey.d.ts'),
  );

  for (const call of [`valet.issue('`, `valet.token('`, `valet.fetch('`]) {
    expect(editor.completionsAfter(call), call).toEqual(connections);
  }
  expect(editor.completionsAfter(`nudgeRefreshToken(valet, {}, { connection: '`)).toEqual(['1', 'nymbl']);
  expect(editor.completionsAfter(`nablaSessionTokens(valet, { connection: '`)).toEqual(['nabla']);
  expect(editor.completionsAfter(`vitalReconcile(valet, core, { connection: '`)).toEqual(['vital-eu']);
  expect(editor.completionsAfter(`createVitalSession(valet, { storage, connection: '`)).toEqual(['vital-eu']);
});

test('an editor shows the options of a function as one parameter, which is required only if `connection` is', () => {
  const names = ['vitalReconcile', 'nudgeRefreshToken', 'nymblFetch', 'nablaSessionTokens'];
  const program = `import * as sdk from '@valetkey/client-sdk';\n${names.map((name) => `sdk.${name};\n`).join('')}`;
  const optionsIn = (...declarations: readonly string[]) => {
    const editor = openInEditor(program, ...declarations);
    return names.map((name) => /, (options\??: .*?)\): /.exec(editor.hoverAfter(`sdk.${name}`) ?? '')?.[1]);
  };

  expect(optionsIn()).toEqual([
    'options?: sdk.VitalReconcileOptions | undefined',
    'options?: sdk.NudgeRefreshTokenOptions | undefined',
    'options?: sdk.NymblFetchOptions | undefined',
    'options?: sdk.NablaSessionTokensOptions | undefined',
  ]);
  expect(optionsIn(declareConnections('valetkey.d.ts'))).toEqual([
    'options: sdk.VitalReconcileOptions',
    'options: sdk.NudgeRefreshTokenOptions',
    'options: sdk.NymblFetchOptions',
    'options?: sdk.NablaSessionTokensOptions | undefined',
  ]);
});

/** The part of TypeScript 5 that editors use. */
interface TypeScript5 {
  readonly sys: object;
  readonly ScriptSnapshot: { fromString(text: string): object };
  readonly getDefaultLibFilePath: (options: object) => string;
  createLanguageService(host: {
    useCaseSensitiveFileNames: () => boolean;
    getScriptFileNames: () => readonly string[];
    getScriptVersion: () => string;
    getScriptSnapshot: (file: string) => object;
    getCompilationSettings: () => object;
    getDefaultLibFileName: (options: object) => string;
  }): {
    getQuickInfoAtPosition(
      file: string,
      position: number,
    ): { readonly displayParts: readonly { readonly text: string }[] } | undefined;
    getCompletionsAtPosition(
      file: string,
      position: number,
      options: object,
    ): { readonly entries: readonly { readonly name: string }[] } | undefined;
  };
}

// In the same file, because two files at once would build the package at once.
testPlatforms(() => packed);
