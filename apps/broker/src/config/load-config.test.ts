import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { SecretSlots } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { loadConfig } from './load-config.ts';

const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function createFile(config: object): Promise<string> {
  const path = join(folder, 'valetkey.config.json');
  await writeFile(path, JSON.stringify(config));
  return path;
}

test('loadConfig accepts references for a port and for a secret', async () => {
  const path = await createFile({
    issuers,
    listen: { port: '${env:PORT}' },
    vendors: { nudge: { apiKey: '${file:/run/secrets/nudge}' } },
  });
  const config = await loadConfig(path, {
    environment: { PORT: '9000' },
    readTextFile: async () => 'canary-key\n',
  });
  expect(config.listen.port).toBe(9000);
  const apiKey = config.connections[0]?.options['apiKey'] as SecretSlots | undefined;
  expect(apiKey?.current.reveal()).toBe('canary-key');
  expect(JSON.stringify(config)).not.toContain('canary');
});

test('loadConfig accepts the field `$schema` in JSON, by which an editor finds the JSON Schema', async () => {
  const $schema = './node_modules/@valetkey/broker/config.schema.json';
  const config = await loadConfig(await createFile({ $schema, issuers }));
  expect(config).not.toHaveProperty('$schema');
});

test('loadConfig rejects a sandbox credential in an environment variable that a reference names', async () => {
  const path = await createFile({ issuers, vendors: { nudge: { apiKey: '${env:KEY}' } } });
  const failure = loadConfig(path, { environment: { KEY: 'sandbox-only-key' } });
  await expect(failure).rejects.toThrow(ConfigError);
  await expect(failure).rejects.toMatchObject({ problems: [expect.stringMatching(/^vendors\.nudge\.apiKey: /)] });
});

test('loadConfig rejects with every problem of the configuration', async () => {
  const failure = loadConfig(await createFile({ issuers, listn: {}, vendors: { nudge: {} } }));
  await expect(failure).rejects.toThrow(ConfigError);
  const problems = [expect.stringMatching(/^listn: /), expect.stringMatching(/^vendors\.nudge\.apiKey: /)];
  await expect(failure).rejects.toMatchObject({ problems });
});

test('loadConfig creates no database file and connects to no server that the configuration names', async () => {
  let socketCount = 0;
  const server = createServer((socket) => {
    socketCount += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = `127.0.0.1:${port}`;
  const sqlite = join(folder, 'new', 'valetkey.sqlite');
  const shared = {
    issuers: [{ issuer: `http://${origin}`, audiences: ['api'] }],
    redis: { url: `redis://${origin}`, sealingKeys: [{ id: 'a', secret: 'x'.repeat(32) }] },
    vendors: { nudge: { apiKey: 'key', baseUrl: `http://${origin}` } },
  };
  await loadConfig(await createFile({ ...shared, store: { sqlite } }));
  await loadConfig(await createFile({ ...shared, store: { postgres: `postgresql://user:secret@${origin}/db` } }));
  await expect(access(sqlite)).rejects.toThrow(/ENOENT/);
  await setImmediate();
  server.close();
  await once(server, 'close');
  expect(socketCount).toBe(0);
});
