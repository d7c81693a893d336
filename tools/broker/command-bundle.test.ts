import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Metafile } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../workspace.ts';
import { bundleCommand, listBundledPackages } from './command-bundle.ts';

/** In the broker's `node_modules`, where the command finds the packages that it looks for by name. */
const cache = join(root, 'apps/broker/node_modules/.cache');
let folder: string;
let metafile: Metafile;
beforeAll(async () => {
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, 'bundle-'));
  metafile = await bundleCommand(folder);
  await writeFile(join(folder, 'list.mjs'), listLoaded);
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes the URLs of the loaded ES modules and the names of Node's own modules at the end of the process. */
const listLoaded = `
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
process.on('exit', () => {
  writeFileSync(process.env.LOADED, JSON.stringify({ loaded, builtins: process.moduleLoadList }));
});
`;

const config = {
  listen: { port: 0 },
  admin: { port: 0 },
  issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'], jwksUri: 'http://127.0.0.1:9/jwks' }],
  vendors: { nudge: { apiKey: 'key-of-the-test' } },
  store: { sqlite: ':memory:' },
};

/** Starts a broker with this configuration, stops it, and returns the source files whose code it loaded. */
async function listLoadedFiles(settings: object, environment: Readonly<Record<string, string>> = {}) {
  const file = join(folder, 'valetkey.json');
  const list = join(folder, 'loaded.json');
  await writeFile(file, JSON.stringify({ ...config, ...settings }));
  const parameters = ['--import', join(folder, 'list.mjs'), join(folder, 'valetkey.js'), 'start', '--config', file];
  const child = spawn(process.execPath, parameters, {
    env: { PATH: process.env['PATH'], VALETKEY_COMPILE_CACHE: 'off', ...environment, LOADED: list },
  });
  let output = '';
  child.stdout.resume();
  child.stderr.on('data', (text: Buffer) => {
    output += text;
    if (output.includes('for operators on')) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code, output).toBe(0);
  const { loaded } = JSON.parse(await readFile(list, 'utf8')) as { loaded: string[] };
  const names = new Set(loaded.map((url) => basename(url)));
  const outputs = Object.entries(metafile.outputs).filter(([path]) => names.has(basename(path)));
  expect(outputs.length).toBeGreaterThan(5);
  return outputs.flatMap(([, { inputs }]) => Object.keys(inputs));
}

/** Packages and parts of packages that a broker needs only for some configurations or commands, by their paths. */
const optional = [
  'node_modules/pg/',
  'node_modules/pg-protocol/',
  'node_modules/redis/',
  'node_modules/@redis/client/',
  'node_modules/csv-parse/',
  'node_modules/csv-stringify/',
];

function selectOptional(files: readonly string[]): string[] {
  return optional.filter((part) => files.some((file) => file.includes(part)));
}

test('a broker with SQLite loads neither pg, redis nor the CSV packages', async () => {
  const files = await listLoadedFiles({});
  expect(files.some((file) => file.includes('node_modules/fastify/'))).toBe(true);
  expect(selectOptional(files)).toEqual([]);
});

test('a broker with PostgreSQL loads pg, and one with Redis loads redis', { timeout: 60_000 }, async () => {
  const postgres = await listLoadedFiles({ store: { postgres: 'postgresql://user:password@127.0.0.1:9/test' } });
  expect(selectOptional(postgres)).toEqual(['node_modules/pg/', 'node_modules/pg-protocol/']);
  const sealingKeys = [{ id: 'a', secret: 'a-text-of-more-than-32-characters-here' }];
  const redis = await listLoadedFiles({ redis: { url: 'redis://127.0.0.1:9', sealingKeys } });
  expect(selectOptional(redis)).toEqual(['node_modules/redis/', 'node_modules/@redis/client/']);
});

test('the bundle has neither the mocks and caches of undici nor the messages of zod in other languages', () => {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  expect(
    inputs.filter((file) => /undici\/lib\/(?:mock|cache)\/|zod\/v4\/locales\/(?!en\.js|index\.js)/.test(file)),
  ).toEqual([]);
});

test('each bundled package has a folder with its licence', async () => {
  const packages = listBundledPackages(metafile);
  expect([...packages.keys()]).toEqual(expect.arrayContaining(['@redis/client', 'fastify', 'undici', 'zod']));
  for (const place of packages.values()) {
    const manifest = JSON.parse(await readFile(join(place, 'package.json'), 'utf8')) as { license?: unknown };
    expect(manifest.license).toEqual(expect.any(String));
  }
});

test('without the sandbox beside it, `valetkey dev` prints how to install it', async () => {
  const alone = await mkdtemp(join(tmpdir(), 'valetkey-alone-'));
  try {
    await cp(folder, alone, { recursive: true });
    const child = spawn(process.execPath, [join(alone, 'valetkey.js'), 'dev', '--port', '0'], { cwd: alone });
    const [printed, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect([code, printed]).toEqual([1, expect.stringContaining('run `npm install --save-dev @valetkey/sandbox`')]);
  } finally {
    await rm(alone, { recursive: true });
  }
});

test('the bundle has no file of the sandbox', () => {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  expect(inputs.filter((file) => file.includes('packages/sandbox/'))).toEqual([]);
});

test('a folder for compiled code that cannot be created does not stop the start', async () => {
  const files = await listLoadedFiles({}, { VALETKEY_COMPILE_CACHE: '/proc/self/valetkey' });
  expect(files.length).toBeGreaterThan(100);
});

test('a folder for compiled code in which other users may write stays unused', async () => {
  const shared = join(folder, 'shared');
  await mkdir(shared);
  await chmod(shared, 0o777);
  await listLoadedFiles({}, { VALETKEY_COMPILE_CACHE: shared });
  expect(await readdir(shared)).toEqual([]);
});

test('the start writes compiled code into the folder of VALETKEY_COMPILE_CACHE', async () => {
  const compiled = join(folder, 'compiled');
  await listLoadedFiles({}, { VALETKEY_COMPILE_CACHE: compiled });
  expect(await readdir(compiled)).not.toEqual([]);
});

test('import() loads no package of CommonJS but redis, because a bundle gives the exports of such a package only as `default`', () => {
  const { inputs } = metafile;
  const loaded = Object.entries(inputs).flatMap(([importer, { imports }]) =>
    /\/node_modules\//.test(importer)
      ? []
      : imports
          .filter(({ kind, path }) => kind === 'dynamic-import' && inputs[path]?.format === 'cjs')
          .map(({ path }) => [basename(importer), packageOf(path)]),
  );
  expect(loaded.toSorted()).toEqual(
    [
      // Loads it before a deadline begins, and reads nothing of it.
      ['redis-problem.ts', 'redis'],
      // Reads `default`.
      ['redis-client.ts', 'redis'],
    ].toSorted(),
  );
});

test('the bundle has nothing of the client of AWS, which an operator installs beside the broker', () => {
  expect(Object.keys(metafile.inputs).filter((path) => path.includes('client-secrets-manager'))).toEqual([]);
});

/** Returns the name of the package of a file in `node_modules`. */
function packageOf(path: string): string {
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? path;
}
