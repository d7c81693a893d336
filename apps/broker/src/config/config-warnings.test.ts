import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { inspectConfig } from './load-config.ts';

const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
const environment = { KEY: 'canary-key' };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function listWarnings(config: object, name = 'valetkey.config.yaml'): Promise<readonly string[]> {
  const path = join(folder, name);
  const text = name.endsWith('.yaml') ? stringify(config) : JSON.stringify(config);
  await writeFile(path, name.endsWith('.mjs') ? `export default ${text};` : text);
  const { warnings } = await inspectConfig(path, { environment });
  return warnings;
}

const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

test.each<[string, object, string[]]>([
  ['a vendor key', { vendors: { nudge: { apiKey: 'canary' } } }, ['vendors.nudge.apiKey']],
  [
    'both slots of a key',
    { vendors: { nudge: { apiKey: { current: '${env:KEY}', next: 'canary' } } } },
    ['vendors.nudge.apiKey.next'],
  ],
  [
    'a private key',
    { vendors: { nabla: { baseUrl: 'https://eu.api.nabla.com', serverKey: { clientId: 'c', privateKey } } } },
    ['vendors.nabla.serverKey.privateKey'],
  ],
  ['an admin token', { admin: { token: 'canary-admin-token' } }, ['admin.token']],
  [
    'the secret of an introspection',
    {
      issuers: [
        {
          ...issuers[0],
          introspection: { endpoint: 'https://id.example.com/i', clientId: 'c', clientSecret: 'canary' },
        },
      ],
    },
    ['issuers.0.introspection.clientSecret'],
  ],
  [
    'a sealing key',
    { redis: { url: 'redis://127.0.0.1', sealingKeys: [{ id: 'a', secret: 'canary'.repeat(8) }] } },
    ['redis.sealingKeys.0.secret'],
  ],
  ['a URL with a password', { store: { postgres: 'postgresql://user:canary@db/valetkey' } }, ['store.postgres']],
  [
    'a URL whose query has a password',
    { store: { postgres: 'postgresql://db/valetkey?password=canary' } },
    ['store.postgres'],
  ],
  ['a URL without a password', { store: { postgres: 'postgresql://user@db/valetkey' } }, []],
  ['a reference', { vendors: { nudge: { apiKey: '${env:KEY}' } } }, []],
  ['a reference inside a text', { vendors: { nudge: { apiKey: 'prefix-${env:KEY}' } } }, []],
])('inspectConfig warns about %s that the configuration file contains', async (_, config, fields) => {
  for (const name of ['valetkey.config.yaml', 'valetkey.config.json']) {
    const warnings = await listWarnings({ issuers, ...config }, name);
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual(fields);
    expect(warnings.join()).not.toMatch(/canary|PRIVATE/);
  }
});

test('inspectConfig does not warn about a text in a program, which may come from anywhere', async () => {
  expect(await listWarnings({ issuers, vendors: { nudge: { apiKey: 'canary' } } }, 'valetkey.config.mjs')).toEqual([]);
});

test.skipIf(process.platform === 'win32').each([
  [0o600, undefined],
  [0o400, undefined],
  [0o640, '640'],
  [0o644, '644'],
  [0o620, '620'],
])('inspectConfig examines a key file of mode %o', async (mode, expected) => {
  const path = join(folder, 'key');
  await writeFile(path, 'canary');
  await chmod(path, mode);
  for (const name of ['valetkey.config.yaml', 'valetkey.config.mjs']) {
    const written = relative(process.cwd(), path);
    const warnings = await listWarnings({ issuers, vendors: { nudge: { apiKey: `\${file:${written}}` } } }, name);
    const warning = `vendors.nudge.apiKey: other users of this machine may use the file ${path} (mode ${expected}); run \`chmod 600 ${path}\``;
    expect(warnings).toEqual(expected === undefined ? [] : [warning]);
  }
});

test('inspectConfig does not examine the mode of a file without a secret', async () => {
  const path = join(folder, 'issuer');
  await writeFile(path, 'https://id.example.com', { mode: 0o644 });
  expect(await listWarnings({ issuers: [{ ...issuers[0], issuer: `\${file:${path}}` }] })).toEqual([]);
});
