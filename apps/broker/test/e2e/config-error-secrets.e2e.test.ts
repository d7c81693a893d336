import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfigFile } from '../../src/config/config-file.ts';
import { createBroker } from '../../src/create-broker.ts';
import { findSecrets } from '../support/find-secrets.ts';
import { startValetkey } from '../support/valetkey-process.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-config-error-'));
});
afterAll(() => rm(folder, { recursive: true }));

const canary = 'canary-in-a-bad-configuration-7e57';
const valid = { issuers: [{ issuer: 'https://id.example', audiences: ['api'] }] };
const nudge = (apiKey: unknown, options = {}) => ({ ...valid, vendors: { nudge: { apiKey, ...options } } });

test.each<[string, unknown]>([
  ['a key with a line break', nudge(`${canary}\r\nx: y`)],
  ['a key with a character outside ASCII', nudge(`${canary}é`)],
  ['a key that is a list', nudge([canary])],
  ['a key in an unknown slot', nudge({ current: canary, old: canary })],
  ['an unknown field', nudge('key', { password: canary })],
  ['a URL with a password', nudge('key', { baseUrl: `https://user:${canary}@nudge.example` })],
  ['an invalid URL', nudge('key', { baseUrl: `:${canary}` })],
  [
    'a key of another environment',
    { ...valid, vendors: { vital: { apiKey: canary, environment: 'sandbox', region: 'us' } } },
  ],
  [
    'an invalid Redis URL',
    { ...valid, redis: { url: `${canary}://x`, sealingKeys: [{ id: 'a', secret: canary.repeat(2) }] } },
  ],
  [
    'a sealing key that is too short',
    { ...valid, redis: { url: `redis://:${canary}@h`, sealingKeys: [{ id: 'a', secret: canary.slice(0, 9) }] } },
  ],
  ['an invalid database URL', { ...valid, store: { postgres: `mysql://u:${canary}@h/d` } }],
  ['an admin token with a space', { ...valid, admin: { token: `${canary} ${canary}` } }],
  ['an origin with a password', { ...valid, cors: { origins: [`https://u:${canary}@app.example`] } }],
  [
    'an introspection secret with a space',
    {
      issuers: [
        {
          ...valid.issuers[0],
          introspection: { endpoint: 'https://i.example', clientId: 'c', clientSecret: `${canary} x` },
        },
      ],
    },
  ],
])('refuses a configuration with %s without quoting its values', (_, config) => {
  let thrown: unknown;
  try {
    createBroker({ store: { sqlite: ':memory:' }, ...(config as object) });
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(Error);
  const printed = `${inspect(thrown, { depth: 9, showHidden: true })}${JSON.stringify(thrown)}${String(thrown)}`;
  expect(findSecrets({ canary: canary.slice(0, 20) }, { printed })).toEqual([]);
});

test.each([
  ['broken.yaml', `vendors: { nudge: { apiKey: "${canary}`],
  ['tagged.yaml', `apiKey: !!binary "${canary} ??"\n*unknown`],
  ['broken.json', `{"vendors":{"nudge":{"apiKey":"${canary}`],
  ['broken.ts', `export default { apiKey: '${canary}' `],
  ['throwing.ts', `throw new Error('${canary}');`],
])('refuses the unreadable configuration file %s without quoting its content', async (name, text) => {
  const file = join(folder, name);
  await writeFile(file, text);
  const thrown: unknown = await readConfigFile(file).then(undefined, (error: unknown) => error);
  expect(thrown).toBeInstanceOf(Error);
  expect(findSecrets({ canary }, { printed: inspect(thrown, { depth: 9, showHidden: true }) })).toEqual([]);
});

test('`valetkey start` names the field of an invalid secret without printing its value', async () => {
  await writeFile(join(folder, 'bad.json'), JSON.stringify(nudge(`${canary} ${canary}`)));
  await using start = startValetkey(['start', '--config', 'bad.json'], folder);
  expect(await start.exitCode).toBe(1);
  expect(start.output()).toContain('vendors.nudge.apiKey');
  expect(findSecrets({ canary }, { printed: start.output() })).toEqual([]);
});
