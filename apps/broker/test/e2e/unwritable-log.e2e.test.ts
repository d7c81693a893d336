import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findFreePort } from '../support/free-port.ts';
import { commandFile } from '../support/valetkey-process.ts';

// Every write to /dev/full fails, as on a full disk. Only Linux has this device.
test.skipIf(process.platform !== 'linux')(
  'serves callers, and exits with 0 on SIGTERM, while its log cannot be written',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'valetkey-unwritable-log-'));
    const port = await findFreePort();
    const file = join(folder, 'valetkey.json');
    const config = {
      listen: { port },
      admin: { port: 0 },
      store: { sqlite: join(folder, 'valetkey.sqlite') },
      log: { level: 'trace' },
      issuers: [{ issuer: 'http://127.0.0.1:9/idp', audiences: ['api'], jwksUri: 'http://127.0.0.1:9/jwks' }],
    };
    await writeFile(file, JSON.stringify(config));
    const fullDevice = await open('/dev/full', 'w');
    const broker = spawn(process.execPath, [commandFile, 'start', '--config', file], {
      stdio: ['ignore', fullDevice.fd, 'ignore'],
    });
    const exited = once(broker, 'exit');
    const call = (path: string) =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: 'Bearer a.b.c' } }).then(
        ({ status }) => status,
        () => undefined,
      );
    await expect.poll(() => call('/healthz'), { interval: 100, timeout: 15_000 }).toBe(200);
    // The broker writes a log line about each of these requests.
    const statuses = await Promise.all(Array.from({ length: 200 }, () => call('/v1/session')));
    expect(new Set(statuses)).toEqual(new Set([401]));
    broker.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    await fullDevice.close();
    await rm(folder, { recursive: true });
  },
);
