import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const sources = fileURLToPath(new URL('..', import.meta.url));
const installed = fileURLToPath(new URL('../../node_modules', import.meta.url));

/**
 * Runs a program in a copy of this package that has every dependency except `redis`. Returns the value that the program
 * prints.
 */
async function runWithoutRedis(program: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-missing-redis-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'node_modules/@valetkey'), { recursive: true });
  for (const name of ['zod', '@valetkey/core-types']) {
    await symlink(join(installed, name), join(folder, 'node_modules', name));
  }
  await cp(sources, join(folder, 'src'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const setup = `
    import { Secret } from '@valetkey/core-types';
    import { createRedisStore } from './src/redis.ts';
    const sealingKeys = [{ id: 'test', secret: new Secret('sandbox-only-sealing-key-of-32-characters') }];
    const print = (value) => console.log(JSON.stringify(value));`;
  await writeFile(join(folder, 'program.ts'), `${setup}\n${program}`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@valetkey/source', '--disable-warning=ExperimentalWarning', 'program.ts'],
    { cwd: folder },
  );
  return JSON.parse(stdout);
}

test('creating a store with a url throws a TypeError when the package redis is not installed', async () => {
  const printed = await runWithoutRedis(`
    try {
      createRedisStore({ url: 'redis://user:password@127.0.0.1:1', sealingKeys });
      print('no error');
    } catch (error) {
      print({ name: error.name, message: error.message });
    }`);
  expect(printed).toEqual({
    name: 'TypeError',
    message:
      'A store with a `url` needs the package `redis`, which is not installed. Run `npm install redis`; in a ' +
      'bundle, pass a `client` instead.',
  });
});

test('a store with a client connects, pings and closes when the package redis is not installed', async () => {
  const printed = await runWithoutRedis(`
    const store = createRedisStore({ client: { eval: async () => [0] }, sealingKeys });
    await store.connect();
    await store.ping();
    await store.close();
    print('works');`);
  expect(printed).toBe('works');
});

test('redisStoreConfigSchema accepts a configuration when the package redis is not installed', async () => {
  const printed = await runWithoutRedis(`
    const { redisStoreConfigSchema } = await import('./src/redis.ts');
    const keys = [{ id: 'test', secret: 'sandbox-only-sealing-key-of-32-characters' }];
    const { success } = redisStoreConfigSchema.safeParse({ url: 'redis://127.0.0.1', sealingKeys: keys });
    print(success);`);
  expect(printed).toBe(true);
});
