import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { inspectConfig } from './load-config.ts';

const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
const environment = { KEY: 'canary-key' };
const dataFiles = ['valetkey.config.yaml', 'valetkey.config.json'];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function warningsFor(config: object, name = 'valetkey.config.yaml'): Promise<readonly string[]> {
  const path = join(folder, name);
  const text = name.endsWith('.yaml') ? stringify(config) : JSON.stringify(config);
  await writeFile(path, name.endsWith('.mjs') ? `export default ${text};` : text);
  const { warnings } = await inspectConfig(path, { environment });
  return warnings;
}

const privateKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

test.each<[string, object, string]>([
  ['a vendor key', { vendors: { nudge: { apiKey: 'canary' } } }, 'vendors.nudge.apiKey'],
  [
    'the next of two vendor keys',
    { vendors: { nudge: { apiKey: { current: '${env:KEY}', next: 'canary' } } } },
    'vendors.nudge.apiKey.next',
  ],
  [
    'a private key',
    { vendors: { nabla: { baseUrl: 'https://eu.api.nabla.com', serverKey: { clientId: 'c', privateKey } } } },
    'vendors.nabla.serverKey.privateKey',
  ],
  ['an admin token', { admin: { token: 'canary-admin-token'.repeat(2) } }, 'admin.token'],
  [
    'the client secret of an introspection endpoint',
    {
      issuers: [
        {
          ...issuers[0],
          introspection: { endpoint: 'https://id.example.com/i', clientId: 'c', clientSecret: 'canary' },
        },
      ],
    },
    'issuers.0.introspection.clientSecret',
  ],
  [
    'a sealing key',
    { redis: { url: 'redis://127.0.0.1', sealingKeys: [{ id: 'a', secret: 'canary'.repeat(8) }] } },
    'redis.sealingKeys.0.secret',
  ],
  ['a URL with a password', { store: { postgres: 'postgresql://user:canary@db/valetkey' } }, 'store.postgres'],
  [
    'a URL whose query has a password',
    { store: { postgres: 'postgresql://db/valetkey?password=canary' } },
    'store.postgres',
  ],
  ['a proxy with a password', { egress: { proxy: 'http://user:canary@proxy:3128' } }, 'egress.proxy'],
  ['a proxy with a password and a slash', { egress: { proxy: 'HTTP://user:canary@Proxy:80/' } }, 'egress.proxy'],
  ['a proxy with a password, without its scheme', { egress: { proxy: 'user:canary@proxy:3128' } }, 'egress.proxy'],
])('inspectConfig warns about %s in a YAML or JSON file', async (_, config, field) => {
  for (const name of dataFiles) {
    const warnings = await warningsFor({ issuers, ...config }, name);
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual([field]);
    expect(warnings.join()).not.toMatch(/canary|PRIVATE/);
  }
});

test.each<[string, object]>([
  ['a proxy without a password', { egress: { proxy: 'http://proxy:3128' } }],
  ['a proxy without a password and scheme', { egress: { proxy: 'proxy:3128' } }],
  ['a URL without a password', { store: { postgres: 'postgresql://user@db/valetkey' } }],
  ['a reference', { vendors: { nudge: { apiKey: '${env:KEY}' } } }],
  ['a reference inside a longer text', { vendors: { nudge: { apiKey: 'prefix-${env:KEY}' } } }],
])('inspectConfig does not warn about %s in a YAML or JSON file', async (_, config) => {
  for (const name of dataFiles) expect(await warningsFor({ issuers, ...config }, name)).toEqual([]);
});

test('inspectConfig warns about each admin token of fewer than 32 characters, by its field', async () => {
  const short = 'canary-of-31-characters-abcdefg';
  const long = `${short}h`;
  expect([short.length, long.length]).toEqual([31, 32]);
  const tokens = [
    { name: 'support', token: { current: long, next: short } },
    { name: 'console', token: `${long}i` },
    { name: 'deploy', token: { sha256: 'a'.repeat(64) } },
  ];
  const warnings = await warningsFor({ issuers, admin: { token: `${short}!`.slice(1), tokens } }, 'config.mjs');
  expect(warnings.map((warning) => warning.split(' ', 4).join(' '))).toEqual([
    'admin.token: has fewer than',
    'admin.tokens.0.token.next: has fewer than',
  ]);
  expect(warnings.join()).not.toContain('canary');
});

test('inspectConfig warns about a named admin token in a YAML or JSON file, and not about its hash', async () => {
  const tokens = [
    { name: 'support', token: 'canary-admin-token'.repeat(2) },
    { name: 'deploy', token: { sha256: 'a'.repeat(64) } },
  ];
  for (const name of dataFiles) {
    const warnings = await warningsFor({ issuers, admin: { tokens } }, name);
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual(['admin.tokens.0.token']);
  }
});

test('inspectConfig does not warn about a literal secret in a module, which may have read it from elsewhere', async () => {
  expect(await warningsFor({ issuers, vendors: { nudge: { apiKey: 'canary' } } }, 'valetkey.config.mjs')).toEqual([]);
});

/** Returns the warnings of each form of a configuration whose vendor key is in a file of this mode. */
async function warningsForKeyFile(mode: string): Promise<(readonly string[])[]> {
  const path = join(folder, 'key');
  await writeFile(path, 'canary');
  await chmod(path, Number.parseInt(mode, 8));
  const config = { issuers, vendors: { nudge: { apiKey: `\${file:${relative(process.cwd(), path)}}` } } };
  return [await warningsFor(config, 'valetkey.config.yaml'), await warningsFor(config, 'valetkey.config.mjs')];
}

test.skipIf(process.platform === 'win32').each(['640', '644', '620'])(
  'inspectConfig warns about a key file of mode %s',
  async (mode) => {
    const path = join(folder, 'key');
    const warning = `vendors.nudge.apiKey: the mode ${mode} of the file ${path} gives access to other users of this machine; run \`chmod 600 ${path}\``;
    expect(await warningsForKeyFile(mode)).toEqual([[warning], [warning]]);
  },
);

test.skipIf(process.platform === 'win32').each(['600', '400'])(
  'inspectConfig does not warn about a key file of mode %s',
  async (mode) => {
    expect(await warningsForKeyFile(mode)).toEqual([[], []]);
  },
);

test('inspectConfig does not warn about the mode of a file without a secret', async () => {
  const path = join(folder, 'issuer');
  await writeFile(path, 'https://id.example.com', { mode: 0o644 });
  expect(await warningsFor({ issuers: [{ ...issuers[0], issuer: `\${file:${path}}` }] })).toEqual([]);
});

test('backChannelLogout is reported if the subject of the issuer is another claim than sub, which logout tokens usually lack', async () => {
  const backChannelLogout = { audiences: ['app'] };
  const vendors = { nudge: { apiKey: '${env:KEY}' } };
  const warningsWith = (record: object) => warningsFor({ issuers: [{ ...issuers[0], ...record }], vendors });
  expect(await warningsWith({ backChannelLogout })).toEqual([]);
  expect(await warningsWith({ subjectClaims: ['uid'] })).toEqual([]);
  expect(await warningsWith({ backChannelLogout, subjectClaims: ['uid'] })).toEqual([
    expect.stringMatching(
      /^issuers: a logout token of https:\/\/id\.example\.com can end only sessions, unless it has uid/,
    ),
  ]);
});

test('a rule that only observes is reported, because it refuses nothing', async () => {
  const rules = [{ require: { scope: 'a' } }, { require: { scope: 'b' }, observe: true }];
  const vendors = { nudge: { apiKey: '${env:KEY}', policy: { rules } } };
  expect(await warningsFor({ issuers, vendors })).toEqual([
    expect.stringMatching(/^vendors\.nudge\.policy\.rules\.1\.observe: is on, so that the rule refuses nothing/),
  ]);
});

test('an observing rule of forward authentication, and a policy that refuses every operation, are reported', async () => {
  const rules = [{ require: { scope: 'a' }, operations: ['authorize'], observe: true }];
  const vendors = {
    nudge: { apiKey: '${env:KEY}', policy: { default: 'deny', rules: [{ require: { scope: 'a' } }] } },
  };
  const forwardAuth = { policy: { default: 'deny', rules } };
  expect(await warningsFor({ issuers, vendors, forwardAuth })).toEqual([
    expect.stringMatching(/^vendors\.nudge\.policy\.default: refuses every operation/),
    expect.stringMatching(/^forwardAuth\.policy\.rules\.0\.observe: is on/),
    expect.stringMatching(/^forwardAuth\.policy\.default: refuses every operation/),
  ]);
  const open = [{ require: { scope: 'a' }, operations: ['issue'] }];
  expect(
    await warningsFor({
      issuers,
      vendors: { nudge: { apiKey: '${env:KEY}', policy: { default: 'deny', rules: open } } },
    }),
  ).toEqual([]);
});

test('a policy of forward authentication is reported if each identity provider requires bound tokens', async () => {
  const publicUrl = 'https://broker.example.com';
  const vendors = { nudge: { apiKey: '${env:KEY}' } };
  const forwardAuth = { policy: { rules: [{ require: { scope: 'a' } }] } };
  const bound = issuers.map((issuer) => ({ ...issuer, dpop: { required: true } }));
  const bearer = { issuer: 'https://other.example.com', audiences: ['api'], dpop: {} };
  const warn = (accepted: readonly object[], changes: object = {}) =>
    warningsFor({ issuers: accepted, publicUrl, vendors, forwardAuth, ...changes });
  expect(await warn(bound)).toEqual([
    expect.stringMatching(/^forwardAuth\.policy: has no effect, because each identity/),
  ]);
  expect(await warn([...bound, bearer])).toEqual([]);
  expect(await warn(bound, { forwardAuth: {} })).toEqual([]);
});

const openAccount = (name: string) =>
  expect.stringMatching(new RegExp(`^vendors\\.${name}: every user gets tokens for`));
const deepgram = { apiKey: '${env:KEY}' };

test('check warns about a recipe whose tokens open the whole account to every user without a limit', async () => {
  const livekit = { apiKey: 'a', apiSecret: '${env:KEY}', set: { can_publish: true } };
  const vendors = { deepgram, voices: { ...deepgram, vendor: 'deepgram' }, livekit, nudge: { apiKey: '${env:KEY}' } };
  expect(await warningsFor({ issuers, vendors })).toEqual([openAccount('deepgram'), openAccount('voices')]);
});

test('check warns about a recipe that forwards the calls of every user without a limit', async () => {
  const openai = { vendor: 'openai-proxy', apiKey: '${env:KEY}', models: ['sample-model'] };
  const vendors = { openai, limited: { ...openai, requiredScopes: ['chat'] } };
  expect(await warningsFor({ issuers, vendors })).toEqual([
    expect.stringMatching(/^vendors\.openai: every user calls OpenAI API for the whole account/),
  ]);
  expect(await warningsFor({ issuers, vendors, callerLimits: { requestsPerMinute: 5 } })).toEqual([]);
});

test.each<[string, object, object]>([
  ['a limit of requests', { callerLimits: { requestsPerMinute: 5 } }, {}],
  ['a policy', {}, { policy: { rules: [{ require: { scope: 'voice' } }] } }],
  ['a required scope', {}, { requiredScopes: ['voice'] }],
  ['a required claim', {}, { requiredClaims: { plan: 'pro' } }],
])('check does not warn about such a recipe with %s', async (_what, config, connection) => {
  const vendors = { deepgram: { ...deepgram, ...connection } };
  expect(await warningsFor({ issuers, ...config, vendors })).toEqual([]);
});
