// Does what deploy/Dockerfile says in a clean folder, and runs the broker from there as the user of the image.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, globSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deepStrictEqual, match, strictEqual } from 'node:assert/strict';
import { createSandbox } from '@valetkey/sandbox';
import { environmentOf, valuesOf, wordsOf } from './deploy/dockerfile.ts';
import { buildImageFolder, listUnneededPackages, type ImageFolder } from './deploy/image-folder.ts';
import { removeTemporaryFolder } from './workspace.ts';

const apiKey = 'key-of-the-image-check';

/** Starts a process as the image does, with `node` from the folder, without root if this process is root. */
function spawnAsImage({ folder, final, locate }: ImageFolder, words: readonly string[], port?: string) {
  const [user = ''] = valuesOf(final, 'USER');
  const [uid, gid] = user.split(':').map(Number);
  const [program = '', ...parameters] = words.map(locate);
  const isRoot = process.getuid?.() === 0;
  return spawn(
    join(folder, 'usr/local/bin', program),
    parameters.map((word) => (port === undefined ? word : word.replace(':8787', `:${port}`))),
    {
      cwd: join(folder, 'opt/valetkey'),
      env: { PATH: join(folder, 'usr/local/bin'), ...environmentOf(final), NUDGE_API_KEY: apiKey },
      ...(isRoot && uid !== undefined && gid !== undefined && { uid, gid }),
    },
  );
}

/** Returns the newest change of a file in the image's own folder: a read-only file system would refuse it. */
function listFiles({ folder }: ImageFolder): string {
  const files = globSync('opt/**/*', { cwd: folder });
  return files.map((file) => `${file} ${statSync(join(folder, file)).mtimeMs}`).join('\n');
}

async function checkBroker(image: ImageFolder): Promise<void> {
  await using sandbox = await createSandbox();
  sandbox.nudge.setApiKeys([apiKey]);
  const config = {
    listen: { port: 0 },
    admin: { port: 0 },
    store: { sqlite: ':memory:' },
    issuers: [{ issuer: sandbox.urls.idp, audiences: ['valetkey'] }],
    vendors: { nudge: { baseUrl: sandbox.urls.nudge, apiKey: '${env:NUDGE_API_KEY}' } },
  };
  writeFileSync(join(image.folder, 'etc/valetkey/valetkey.config.yaml'), JSON.stringify(config));
  const [entrypoint = '[]'] = valuesOf(image.final, 'ENTRYPOINT');
  const [command = '[]'] = valuesOf(image.final, 'CMD');
  const before = listFiles(image);
  const broker = spawnAsImage(image, [...wordsOf(entrypoint), ...wordsOf(command)]);
  const ended = once(broker, 'exit');
  let output = '';
  broker.stdout.resume();
  const { promise: started, resolve } = Promise.withResolvers<string>();
  broker.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
    const [, url] = /listens on (\S+),/.exec(output) ?? [];
    if (url !== undefined) resolve(url);
  });
  const url = await Promise.race([started, ended.then(() => Promise.reject(new Error(`The broker ended: ${output}`)))]);

  const ready = await fetch(`${url}/readyz`);
  deepStrictEqual([ready.status, await ready.json()], [200, { status: 'ok' }]);
  const authorization = `Bearer ${await sandbox.mintUserToken({ sub: 'alice' })}`;
  const token = await fetch(`${url}/v1/vendors/nudge/token`, { method: 'POST', headers: { authorization } });
  strictEqual(token.status, 200);
  await token.arrayBuffer();

  const [healthCheck = ''] = valuesOf(image.final, 'HEALTHCHECK');
  const [, healthCommand = '[]'] = / CMD (\[.*\])$/.exec(healthCheck) ?? [];
  const health = spawnAsImage(image, wordsOf(healthCommand), new URL(url).port);
  deepStrictEqual(await once(health, 'exit'), [0, null], 'HEALTHCHECK');

  broker.kill('SIGTERM');
  deepStrictEqual(await ended, [0, null], output);
  strictEqual(listFiles(image), before, 'The broker changed a file of the image.');
  const dead = spawnAsImage(image, wordsOf(healthCommand), new URL(url).port);
  deepStrictEqual(await once(dead, 'exit'), [1, null], 'HEALTHCHECK without a broker');
}

const folder = mkdtempSync(join(tmpdir(), 'valetkey-image-'));
try {
  chmodSync(folder, 0o755);
  const image = buildImageFolder(folder);
  copyFileSync(process.execPath, join(folder, 'usr/local/bin/node'));
  const broker = join(folder, 'opt/valetkey/node_modules/@valetkey/broker');
  deepStrictEqual(listUnneededPackages(broker), [], 'The image has packages that production does not need.');
  deepStrictEqual(globSync('{src,test,**/*.test.*}', { cwd: broker, exclude: ['node_modules'] }), []);
  const environment = { PATH: join(folder, 'usr/local/bin') + ':/usr/bin:/bin' };
  const version = execFileSync(join(folder, 'usr/local/bin/valetkey'), ['--version'], {
    env: environment,
    encoding: 'utf8',
  });
  match(version, /^\d+\.\d+\.\d+/);
  await checkBroker(image);
  process.stdout.write('image: built, started, served a token and stopped\n');
} finally {
  removeTemporaryFolder(folder);
}
