import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const here = (path: string) => new URL(path, import.meta.url).pathname;

/** Runs a program beside this package's own sources, where all of its dependencies are installed but `redis`. */
const runWithoutRedis = async (program: string): Promise<unknown> => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-missing-redis-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'node_modules/@valetkey'), { recursive: true });
  for (const name of ['zod', '@valetkey/core-types']) {
    await symlink(here(`../node_modules/${name}`), join(folder, 'node_modules', name));
  }
  await cp(here('.'), join(folder, 'src'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const setup = `
    import { Secret } from '@valetkey/core-types';
    import { createRedisStore } from './src/redis.ts';
    const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
    const answer = (value) => console.log(JSON.stringify(value));`;
  await writeFile(join(folder, 'program.ts'), `${setup}\n${program}`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@valetkey/source', '--disable-warning=ExperimentalWarning', 'program.ts'],
    { cwd: folder },
  );
  return JSON.parse(stdout);
};

test('a store with a url says that the package redis cannot be found, when it is made', async () => {
  const said = await runWithoutRedis(`
    try {
      createRedisStore({ url: 'redis://user:password@127.0.0.1:1', sealingKeys });
      answer('nothing');
    } catch (error) {
      answer({ name: error.name, message: error.message });
    }`);
  expect(said).toEqual({
    name: 'TypeError',
    message:
      'The store needs the package `redis` for its `url`, and cannot find it: `npm install redis`, or, in a ' +
      'bundle, give a `client`.',
  });
});

test('a store with a client of your own needs no package redis', async () => {
  const said = await runWithoutRedis(`
    const store = createRedisStore({ client: { eval: async () => [0] }, sealingKeys });
    await store.connect();
    await store.ping();
    await store.close();
    answer('fine');`);
  expect(said).toBe('fine');
});
