import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('`valetkey check` opens no TCP connection and creates no file for a configuration with every kind of server', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = {
    store: { postgres: `postgresql://user:password@${origin}/valetkey` },
    redis: { url: `redis://${origin}`, sealingKeys: [{ id: 'a', secret: '${file:sealing-key}' }] },
    issuers: [{ issuer: `http://${origin}`, audiences: ['api'] }],
    vendors: {
      nudge: { apiKey: 'a', baseUrl: `http://${origin}` },
      vital: { apiKey: 'sk_us_a', environment: 'sandbox', region: 'us', baseUrl: `http://${origin}` },
      authgear: { endpoint: `http://${origin}/authgear` },
    },
  };
  await writeFile(join(folder, 'all.json'), JSON.stringify(config));
  await writeFile(join(folder, 'local.json'), JSON.stringify({ ...config, store: { sqlite: 'data/valetkey.sqlite' } }));
  await writeFile(join(folder, 'sealing-key'), 'x'.repeat(32));

  for (const file of ['all.json', 'local.json']) {
    await using check = startValetkey(['check', '--config', file], folder);
    expect(await check.exitCode, check.output()).toBe(0);
    expect(check.output()).toContain(`${file} can be used.`);
  }
  expect(connections).toBe(0);
  expect((await readdir(folder)).toSorted()).toEqual(['all.json', 'local.json', 'sealing-key']);
  server.close();
});

test('`valetkey check` marks a literal secret as a warning, which lets it exit with 1 only with --strict', async () => {
  const config = { issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }] };
  await writeFile(
    join(folder, 'literal.json'),
    JSON.stringify({ ...config, vendors: { nudge: { apiKey: 'canary' } } }),
  );
  await writeFile(join(folder, 'good.json'), JSON.stringify(config));
  for (const [file, options, exitCode] of [
    ['literal.json', [], 0],
    ['literal.json', ['--strict'], 1],
    ['good.json', ['--strict'], 0],
  ] as const) {
    await using check = startValetkey(['check', '--config', file, ...options], folder);
    expect(await check.exitCode, check.output()).toBe(exitCode);
    expect(check.output().includes('! vendors.nudge.apiKey: has a secret')).toBe(file === 'literal.json');
    expect(check.output()).toContain(`${file} can be used.`);
    expect(check.output()).not.toContain('canary');
  }
});
