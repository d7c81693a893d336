import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { readConnectionVendors } from './connection-vendors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-connections-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes a configuration as JSON, or as the text of a file, and reads its connections. */
async function read(config: object | string, environment: Readonly<Record<string, string>> = {}, name = 'config.json') {
  const file = join(folder, name);
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));
  return Object.fromEntries(await readConnectionVendors(file, { environment }));
}

async function problemsOf(config: object | string): Promise<readonly string[]> {
  const failure: unknown = await read(config).catch((error: unknown) => error);
  return failure instanceof ConfigError ? failure.problems : [];
}

test('readConnectionVendors returns the vendor of each connection although no secret of the configuration can be read', async () => {
  const vendors = {
    nudge: { apiKey: '${env:ABSENT_KEY}' },
    'vital-eu': { vendor: 'vital', apiKey: '${file:/absent}', region: 'eu' },
    nabla: {},
  };
  const admin = { token: '${env:ABSENT_TOKEN}' };

  expect(await read({ admin, vendors })).toEqual({ nudge: 'nudge', 'vital-eu': 'vital', nabla: 'nabla' });
});

test('readConnectionVendors resolves a reference in the field `vendor`', async () => {
  expect(await read({ vendors: { a: { vendor: '${env:VENDOR}' } } }, { VENDOR: 'nudge' })).toEqual({ a: 'nudge' });
  expect(await problemsOf({ vendors: { a: { vendor: '${env:VENDOR}' } } })).toEqual([
    'vendors.a.vendor: the environment variable VENDOR is not set or is empty',
  ]);
});

test('readConnectionVendors knows the adapters of a module', async () => {
  const adapter = (id: string) => `{ id: '${id}', title: 'Acme', options, credentials: [], create: () => ({}) }`;
  const zod = import.meta.resolve('zod');
  const module = (adapters: string) =>
    `import { z } from '${zod}';\nconst options = z.object({});\n` +
    `export default { adapters: [${adapters}], vendors: { 'acme-eu': { vendor: 'acme' } } };`;

  expect(await read(module(adapter('acme')), {}, 'good.mjs')).toEqual({ 'acme-eu': 'acme' });
  await expect(read(module(adapter("Acme\\'")), {}, 'bad.mjs')).rejects.toThrow('adapters.0.id: must be lower-case');
});

test.each([
  ["it's"],
  ['a"; b: "'],
  ['}\n}'],
  ['*/'],
  ['été'],
  ['a\u2028b'],
  ['__proto__'],
  ['constructor.name'],
  ['A'],
  [''],
])('readConnectionVendors refuses a connection with the name %j', async (name) => {
  const config = `{ "vendors": { ${JSON.stringify(name)}: { "vendor": "nudge" } } }`;

  expect(await problemsOf(config)).toHaveLength(1);
});

test('readConnectionVendors names the misspelt vendor of a connection, and refuses vendors that are no object', async () => {
  expect(await problemsOf({ vendors: { a: { vendor: 'nugde' } } })).toEqual([
    'vendors.a.vendor: is not a known vendor; did you mean `nudge`?',
  ]);
  expect(await problemsOf({ vendors: ['nudge'] })).toEqual(['vendors: must be an object']);
  expect(await problemsOf('"text"')).toHaveLength(1);
  expect(await read({})).toEqual({});
});
