// Loads the packed client SDK on each platform, issues one token there and provokes one error. `.ci/run` installs the platforms
// with `pnpm platforms`.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PackedProject } from '../client-sdk/pack.ts';
import { checkFunction, checkResult, loaders, writeProgram } from './check-program.ts';
import { bundleWithMetro, checkEntry, hermesShell } from './metro.ts';
import { openProject, findProgram, startBroker, type Project } from './project.ts';

/** Returns whether the platforms are installed. Throws if they are not, although `.ci/run` should have installed them. */
export function arePlatformsInstalled(): boolean {
  if (existsSync(new URL('node_modules/.modules.yaml', import.meta.url))) return true;
  const message = 'The platforms are not installed. Run `npx -y pnpm@12.18.0 platforms`.';
  if (process.env['CI'] !== undefined) throw new Error(message);
  process.stderr.write(`\n*** ${message} Their tests are skipped. ***\n`);
  return false;
}

/** Defines the tests of a packed project on each platform. The project is packed before the tests run. */
export function testPlatforms(packed: () => PackedProject): void {
  describe.skipIf(!arePlatformsInstalled())('the packed client SDK', { timeout: 120_000 }, () => {
    defineTests(packed);
  });
}

function defineTests(packed: () => PackedProject): void {
  let project: Project;
  let broker: Awaited<ReturnType<typeof startBroker>>;

  beforeAll(async () => {
    project = openProject(packed());
    broker = await startBroker();
  });
  afterAll(() => broker.close());

  test.each([
    ['20', () => join(findProgram('node-20'), 'bin/node')],
    ['22', () => join(findProgram('node-22'), 'bin/node')],
    ['24', () => process.execPath],
  ])('issues a token in Node %s, loaded with import and with require', async (version, find) => {
    const node = find();
    const imported = project.write(`node-${version}.mjs`, writeProgram('import', broker.url));
    const required = project.write(`node-${version}.cjs`, writeProgram('require', broker.url));

    expect(await project.run(node, '--version')).toMatch(`v${version}.`);
    expect(await project.run(node, imported)).toBe(checkResult);
    expect(await project.run(node, required)).toBe(checkResult);
  });

  test('issues a token in Deno', async () => {
    project.write('package.json', '{ "dependencies": { "@valetkey/client-sdk": "*" } }');
    const program = project.write('deno.ts', writeProgram('import', broker.url));
    const deno = join(findProgram('deno'), 'bin.cjs');

    const output = await project.run(
      process.execPath,
      deno,
      'run',
      '--no-lock',
      '--no-check',
      '--node-modules-dir=manual',
      '--allow-net=127.0.0.1',
      program,
    );

    expect(output).toBe(checkResult);
  });

  test('issues a token in Bun', async () => {
    const program = project.write('bun.ts', writeProgram('import', broker.url));

    expect(await project.run(join(findProgram('bun'), 'bin/bun.exe'), program)).toBe(checkResult);
  });

  test('issues a token in workerd', async () => {
    project.write(
      'worker.js',
      `${loaders.import}${checkFunction}
      export default { async test() {
        const result = await check('${broker.url}');
        if (result !== ${JSON.stringify(checkResult)}) throw new Error(result);
      } };`,
    );
    const { buildSync } = await import('esbuild');
    buildSync({
      absWorkingDir: project.folder,
      entryPoints: ['worker.js'],
      outfile: 'worker-bundle.js',
      bundle: true,
      format: 'esm',
      conditions: ['workerd', 'worker'],
    });
    project.write(
      'worker.capnp',
      `using Workerd = import "/workerd/workerd.capnp";
      const config :Workerd.Config = (services = [
        (name = "main", worker = (compatibilityDate = "2026-01-01", globalOutbound = "broker",
          modules = [(name = "worker", esModule = embed "worker-bundle.js")])),
        (name = "broker", network = (allow = ["private"]))]);`,
    );

    // Its exit code says whether the test of the worker passed.
    await expect(
      project.run(join(findProgram('workerd'), 'bin/workerd'), 'test', 'worker.capnp'),
    ).resolves.toBeDefined();
  });

  test('issues a token in a bundle of Vite', async () => {
    project.write('vite/entry.js', writeProgram('import', broker.url));
    project.write(
      'vite/vite.config.mjs',
      `export default { logLevel: 'error',
      build: { lib: { entry: 'entry.js', formats: ['es'], fileName: 'bundle' }, outDir: 'built' } };`,
    );
    project.write('vite/package.json', '{ "type": "module" }');
    const vite = join(findProgram('vite'), 'bin/vite.js');

    await project.run(process.execPath, vite, 'build', 'vite');

    expect(await project.run(process.execPath, 'vite/built/bundle.js')).toBe(checkResult);
  });

  test('issues a token in a CommonJS test of Jest 29', async () => {
    project.write(
      'jest/client.test.js',
      `${loaders.require}${checkFunction}
      test('issues', async () => expect(await check('${broker.url}')).toBe(${JSON.stringify(checkResult)}));`,
    );
    project.write('jest/jest.config.json', '{ "testEnvironment": "node", "transform": {}, "watchman": false }');

    const jest = join(findProgram('jest'), 'bin/jest.js');

    const output = await project.run(process.execPath, jest, '--config', 'jest/jest.config.json', '--json');

    expect(JSON.parse(output)).toMatchObject({ numPassedTests: 1, numFailedTests: 0, success: true });
  });

  test('issues a token in Node 20 after an installation with Yarn 1', async () => {
    project.write(
      'yarn/package.json',
      `{ "private": true, "dependencies": { "@valetkey/client-sdk": "file:../client-sdk.tgz" } }`,
    );
    const program = project.write('yarn/program.js', writeProgram('require', broker.url));
    const node = join(findProgram('node-20'), 'bin/node');
    const yarn = join(findProgram('yarn'), 'bin/yarn.js');
    const cache = ['--cache-folder', 'yarn-cache'];

    await project.run(node, yarn, 'install', '--cwd', 'yarn', '--silent', '--no-progress', ...cache);

    expect(await project.run(node, program)).toBe(checkResult);
  });

  test.each(['0.81', '0.83'] as const)('issues a token in a bundle of Metro %s that Hermes runs', async (version) => {
    const bundle = await bundleWithMetro(project, version, checkEntry);

    expect(await project.run(hermesShell(), '-Xes6-promise', '-Xmicrotask-queue', bundle)).toBe(checkResult);
  });

  test.each(['0.81', '0.83'] as const)('Metro %s finds the sign-in and its dependency', async (version) => {
    const entry = "import { createLogin } from '@valetkey/client-sdk/login'; print(createLogin.name);";

    const bundle = readFileSync(await bundleWithMetro(project, version, entry), 'utf8');

    expect(bundle).toContain('function createLogin(');
    expect(bundle).toContain('function processRefreshTokenResponse(');
  });
}
