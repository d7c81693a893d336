import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';

const command = new URL('../../src/cli/command.ts', import.meta.url).pathname;

// A device that is always full is a disk that is full.
test.skipIf(process.platform !== 'linux')('a full disk under its log stops nothing, not even the end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-full-'));
  const port = await freePort();
  const file = join(folder, 'valetkey.json');
  const config = {
    listen: { port },
    admin: { port: 0 },
    store: { sqlite: join(folder, 'valetkey.sqlite') },
    log: { level: 'trace' },
    issuers: [{ issuer: 'http://127.0.0.1:9/idp', audiences: ['api'], jwksUri: 'http://127.0.0.1:9/jwks' }],
  };
  await writeFile(file, JSON.stringify(config));
  const broker = spawn(process.execPath, ['--conditions=@valetkey/source', command, 'start', '--config', file], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'ignore'],
  });
  const exited = once(broker, 'exit');
  const ask = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: 'Bearer a.b.c' } }).then(
      ({ status }) => status,
      () => undefined,
    );
  await expect.poll(() => ask('/healthz'), { interval: 100, timeout: 15_000 }).toBe(200);
  // Each of them is worth a line.
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask('/v1/session')));
  expect(new Set(answers)).toEqual(new Set([401]));
  broker.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  await rm(folder, { recursive: true });
});
