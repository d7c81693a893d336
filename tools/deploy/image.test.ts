import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../workspace.ts';
import { environmentOf, parseDockerfile, valuesOf, wordsOf, type Stage } from './dockerfile.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const dockerfile = read('deploy/Dockerfile');
const { globals, stages } = parseDockerfile(dockerfile);
const [build, final] = stages as [Stage, Stage];
const manifest = JSON.parse(read('package.json')) as {
  devDependencies: Record<string, string>;
  packageManager: string;
};

test('the image has the version of Node of the repository, on a slim Debian, and may be built from a digest', () => {
  expect(globals).toEqual([
    { keyword: 'ARG', value: `NODE_IMAGE=node:${manifest.devDependencies['node']}-bookworm-slim` },
  ]);
  expect(stages.map(({ from }) => from)).toEqual(['${NODE_IMAGE}', '${NODE_IMAGE}']);
  // Nobody can check a digest that stands here without the registry, so the file names none.
  expect(dockerfile).not.toMatch(/sha256:[0-9a-f]/);
});

test('the image is built by the pinned pnpm, from the lock file, without dependencies of development', () => {
  const steps = valuesOf(build, 'RUN');
  for (const step of steps) expect(step).toContain(`npx -y ${manifest.packageManager} `);
  expect(steps[0]).toContain('--frozen-lockfile');
  expect(steps.at(-1)).toMatch(/ deploy --prod \/packed$/);
  expect(valuesOf(final, 'COPY')).toEqual(['--from=build /packed node_modules/@valetkey/broker']);
});

test('the image runs node as its first process and as a user other than root, by number', () => {
  expect(valuesOf(final, 'USER')).toEqual(['1000:1000']);
  const [entrypoint = ''] = valuesOf(final, 'ENTRYPOINT');
  expect(wordsOf(entrypoint)).toEqual([
    'node',
    '--max-semi-space-size=2',
    '/opt/valetkey/node_modules/@valetkey/broker/dist/cli/valetkey.js',
  ]);
  const [command = ''] = valuesOf(final, 'CMD');
  expect(wordsOf(command)).toEqual(['start', '--config', '/etc/valetkey/valetkey.config.yaml']);
  expect(valuesOf(final, 'STOPSIGNAL')).toEqual(['SIGTERM']);
  expect(environmentOf(final)).toEqual({
    NODE_ENV: 'production',
    MALLOC_ARENA_MAX: '2',
    VALETKEY_COMPILE_CACHE: 'off',
  });
});

test('the image checks its health without a shell and without curl, and has the labels of OCI', () => {
  const [health = ''] = valuesOf(final, 'HEALTHCHECK');
  const [, command = '[]'] = / CMD (\[.*\])$/.exec(health) ?? [];
  expect(wordsOf(command)[0]).toBe('node');
  expect(health).toContain('127.0.0.1:8787/healthz');
  const [labels = ''] = valuesOf(final, 'LABEL');
  for (const name of ['title', 'description', 'licenses', 'version', 'revision']) {
    expect(labels).toContain(`org.opencontainers.image.${name}=`);
  }
});

test('the context of the image has only what the build needs, and no secret, store or installed package', () => {
  const lines = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const allowed = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  expect(allowed).toEqual([
    'LICENSE',
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'tsconfig.base.json',
    'turbo.json',
    'apps',
    'packages',
    'tools',
  ]);
  // A later line wins, so the refusals stand after the entries.
  const refused = lines.slice(allowed.length + 1);
  for (const entry of ['**/node_modules', '**/dist', '**/.env', '**/.env.*', '**/*.sqlite*']) {
    expect(refused).toContain(entry);
  }
});

test('parseDockerfile joins continued lines, drops comments, and refuses what is no instruction', () => {
  const parsed = parseDockerfile('ARG A=1\nFROM a AS b\n# no\nRUN x \\\n  y\nENV A=1 B=2\nFROM c\n');
  expect(parsed.stages.map(({ name, from }) => [name, from])).toEqual([
    ['b', 'a'],
    [undefined, 'c'],
  ]);
  expect(parsed.stages[0]?.instructions).toEqual([
    { keyword: 'RUN', value: 'x y' },
    { keyword: 'ENV', value: 'A=1 B=2' },
  ]);
  expect(() => parseDockerfile('FROM a\nrun x')).toThrow('This is no instruction: run x');
  expect(() => wordsOf('"node start"')).toThrow('is no list of words');
});
