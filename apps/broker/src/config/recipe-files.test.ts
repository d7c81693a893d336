import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { readConnectionVendors } from './connection-vendors.ts';
import { loadConfig, loadUnusedConfig } from './load-config.ts';
import { parseConfig } from './parse-config.ts';
import { readRecipeFile } from './recipe-files.ts';

const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];

const acme = `
id: acme
title: Acme Rooms
secrets: { apiKey: { description: The key. } }
baseUrl: https://api.acme.example
binding: account
keep: never
steps:
  - as: mint
    http: { method: POST, path: /tokens, headers: { authorization: 'Bearer {secrets.apiKey}' } }
answer: { token: { token: '{mint.token}' }, expiry: unknown }
sample: { mint: { token: sample } }
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'valetkey-recipes-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function writeFiles(vendors: object, files: Readonly<Record<string, string>>): Promise<string> {
  const all = { 'valetkey.config.json': JSON.stringify({ issuers, vendors }), ...files };
  for (const [name, text] of Object.entries(all)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return join(folder, 'valetkey.config.json');
}

/** Returns the connections by name with the vendor of each, or the problems without the path of the folder. */
async function load(vendors: object, files: Readonly<Record<string, string>> = {}) {
  const path = await writeFiles(vendors, files);
  try {
    const { connections } = await loadConfig(path);
    return Object.fromEntries(connections.map(({ name, definition }) => [name, definition.title]));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.replaceAll(`${folder}/`, ''));
    throw error;
  }
}

test('a connection names a recipe of the catalog by its id, with a name of its own or with that of the recipe', async () => {
  const livekit = { apiKey: 'key', apiSecret: 'sample', set: { can_publish: true } };
  expect(await load({ livekit, rooms: { ...livekit, vendor: 'livekit' }, nudge: { apiKey: 'a' } })).toEqual({
    livekit: 'LiveKit',
    rooms: 'LiveKit',
    nudge: 'Nudge',
  });
});

test('the options of a recipe of the catalog are checked, and a misspelt recipe is recognized', async () => {
  expect(await load({ livekit: { apiKey: 'key' }, deepgramm: { apiKey: 'a' }, pusher: {} })).toEqual([
    'vendors.livekit.apiSecret: is missing',
    expect.stringContaining('vendors.livekit.set'),
    'vendors.deepgramm: is not a known vendor; did you mean `deepgram`?',
    'vendors.pusher: is not a known vendor; did you mean `pusher-channel` or `pusher-presence` or `pusher-user`?',
  ]);
});

test('two connections share one recipe file, relative to the configuration, in YAML or JSON', async () => {
  const { parse } = await import('yaml');
  const json = JSON.stringify({ ...(parse(acme) as object), id: 'json', title: 'Json' });
  const connections = {
    acme: { recipe: './recipes/acme.recipe.yaml', apiKey: 'a' },
    'acme-eu': { recipe: 'recipes/../recipes/acme.recipe.yaml', apiKey: 'b' },
    other: { recipe: `${folder}/recipes/../other.json`, apiKey: 'c' },
  };
  const files = { 'recipes/acme.recipe.yaml': acme, 'other.json': json };
  expect(await load(connections, files)).toEqual({ acme: 'Acme Rooms', 'acme-eu': 'Acme Rooms', other: 'Json' });
  const { connections: unused } = await loadUnusedConfig(join(folder, 'valetkey.config.json'));
  expect(unused.map(({ name }) => name)).toEqual(['acme', 'acme-eu', 'other']);
  const vendors = await readConnectionVendors(join(folder, 'valetkey.config.json'));
  expect(Object.fromEntries(vendors)).toEqual({ acme: 'acme', 'acme-eu': 'acme', other: 'json' });
});

test('every problem of a recipe file is reported once with its file, its place and its rule', async () => {
  const broken = acme
    .replace('keep: never', 'keep: account\nlife: { default: 9, max: 5 }')
    .replace("'Bearer {secrets.apiKey}'", "'Bearer {secrets.apiKey}', x-life: '{life}', x-user: '{user.id}'");
  const connections = {
    acme: { recipe: './acme.yaml', apiKey: 'a' },
    again: { recipe: './acme.yaml', apiKey: 'a' },
    nudge: {},
  };
  expect(await load(connections, { 'acme.yaml': broken })).toEqual([
    'acme.yaml: life: must have `min` at most `default`, and `default` at most `max`',
    'acme.yaml: steps.0.http.headers.x-user: reads user.id, which is not known here',
    'vendors.nudge.apiKey: is missing',
  ]);
  expect(await load({ acme: connections.acme }, { 'acme.yaml': acme.replace('title:', 'tittle:') })).toEqual([
    'acme.yaml: tittle: is not a known field; did you mean `title`?',
  ]);
});

const anchors = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const list = (member: string) => `[${Array.from({ length: 10 }, () => member).join(', ')}]`;
const laughs = anchors.map((name, index) => `${name}: &${name} ${list(index === 0 ? 'ha' : `*${anchors[index - 1]}`)}`);

test.each([
  ['has aliases of aliases', 'yaml', laughs.join('\n'), /^bad\.yaml: cannot be read \(ReferenceError\)$/],
  ['contains itself', 'yaml', 'id: &a [*a]', /^bad\.yaml: id\.0: contains itself$/],
  ['names no anchor', 'yaml', 'id: *a', /^bad\.yaml: cannot be read/],
  ['has a field twice', 'yaml', 'id: a\nid: b', /line 2 \(DUPLICATE_KEY\)$/],
  ['has a tag of code', 'yaml', 'id: !!js/function "a"', /line 1 \(TAG_RESOLVE_FAILED\)$/],
  ['has binary data', 'yaml', 'id: !!binary aGk=', /^bad\.yaml: id: must be plain data/],
  ['has two documents', 'yaml', 'id: a\n---\nid: b', /\(MULTIPLE_DOCS\)$/],
  ['has a number as its id', 'yaml', acme.replace('id: acme', 'id: 007'), /^bad\.yaml: id: must be a text/],
  ['has a merge key', 'yaml', `${acme}<<: { title: Other }`, /^bad\.yaml: .*has an unknown field/],
  ['has a prototype', 'yaml', `${acme}__proto__: { id: other }`, /has a field `__proto__`/],
  ['has a prototype in JSON', 'json', '{"options":{"__proto__":{"a":1}}}', /has a field `__proto__`/],
  ['has thousands of levels', 'yaml', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, /\(RESOURCE_EXHAUSTION\)$/],
  ['has thousands of levels in JSON', 'json', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, /more than 100 levels$/],
  ['is longer than a recipe', 'yaml', `id: ${'x'.repeat(300_000)}`, /^bad\.yaml: has more than 262144 bytes$/],
  ['is empty', 'yaml', '', /steps: is missing/],
])('a recipe file that %s is refused', async (_what, form, text, expected) => {
  const problems = await load({ acme: { recipe: `./bad.${form}`, apiKey: 'a' } }, { [`bad.${form}`]: text });
  expect(problems).toEqual(expect.arrayContaining([expect.stringMatching(expected)]));
});

test('a recipe file that is a pipe, a device or a folder is refused without waiting for it', async () => {
  const path = await writeFiles({}, {});
  execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
  await symlink('/dev/zero', join(folder, 'zero.yaml'));
  await mkdir(join(folder, 'folder.yaml'));
  const files = ['pipe', 'zero', 'folder'].map((name) => readRecipeFile(join(dirname(path), `${name}.yaml`)));
  expect(await Promise.all(files)).toEqual([
    expect.objectContaining({ problems: [expect.stringMatching(/pipe\.yaml: is not a regular file$/)] }),
    expect.objectContaining({ problems: [expect.stringMatching(/zero\.yaml: is not a regular file$/)] }),
    expect.objectContaining({ problems: [expect.stringMatching(/folder\.yaml: cannot be read \(EISDIR\)$/)] }),
  ]);
});

test.each([
  ['is missing', './absent.yaml', /^absent\.yaml: cannot be read \(ENOENT\)/],
  ['is code', './acme.recipe.ts', /^vendors\.acme\.recipe: must be the path of a \.yaml or \.json file$/],
  ['may be a secret', 'canary-key', /^vendors\.acme\.recipe: must be the path of a \.yaml or \.json file$/],
  ['is no YAML', './bad.yaml', /^bad\.yaml: .*line 1/],
  ['is no path', { id: 'acme' }, /^vendors\.acme\.recipe: must be the path of a \.yaml or \.json file$/],
])('a recipe file that %s is refused', async (_what, recipe, expected) => {
  const files = { 'bad.yaml': 'a: [', 'acme.recipe.ts': '' };
  expect(await load({ acme: { recipe } }, files)).toEqual([expect.stringMatching(expected)]);
});

test('a recipe may have the id of a known vendor only while no connection names that vendor', async () => {
  const own = { recipe: './own.yaml', apiKey: 'a' };
  const files = { 'own.yaml': acme.replace('id: acme', 'id: deepgram') };
  expect(await load({ mine: own, deepgram: own }, files)).toEqual({ mine: 'Acme Rooms', deepgram: 'Acme Rooms' });
  for (const other of [{ deepgram: { apiKey: 'b' } }, { other: { vendor: 'deepgram', apiKey: 'b' } }]) {
    const [name = ''] = Object.keys(other);
    expect(await load({ mine: own, ...other }, files)).toEqual([
      `own.yaml: id: is the id of the vendor of vendors.${name}, too; change it`,
    ]);
  }
  const nudge = { 'own.yaml': acme.replace('id: acme', 'id: nudge') };
  expect(await load({ mine: own, nudge: { apiKey: 'b' } }, nudge)).toEqual([
    'own.yaml: id: is the id of the vendor of vendors.nudge, too; change it',
  ]);
});

test('two recipe files have two ids, and `vendor` beside `recipe` is refused', async () => {
  const connections = { a: { recipe: './a.yaml', apiKey: 'a' }, b: { recipe: './b.yaml', apiKey: 'b' } };
  expect(await load(connections, { 'a.yaml': acme, 'b.yaml': acme })).toEqual([
    expect.stringMatching(/^b\.yaml: id: is the id of .*a\.yaml, too; change one of the two$/),
  ]);
  expect(await load({ a: { ...connections.a, vendor: 'nudge' } }, { 'a.yaml': acme })).toEqual([
    'vendors.a.vendor: has no effect beside `recipe`; remove one of the two',
  ]);
});

test('a recipe cannot take the name of a field of every connection', async () => {
  const text = acme
    .replace('secrets:', 'options: { policy: { description: The policy. } }\nsecrets:')
    .replace('headers: {', "headers: { x-policy: '{options.policy | base64url}',");
  expect(await load({ acme: { recipe: './acme.yaml', apiKey: 'a' } }, { 'acme.yaml': text })).toEqual([
    'acme.yaml: options: has `policy`, which is a field of every connection',
  ]);
});

test('a configuration in code is told how to use a recipe of its own', () => {
  expect(() => parseConfig({ issuers, vendors: { acme: { recipe: './acme.yaml' } } })).toThrow(
    'vendors.acme.recipe: is read only for a configuration file',
  );
});

test('an adapter with the id of a recipe of the catalog is refused', async () => {
  const { findRecipe } = await import('@valetkey/vendor-clients');
  const adapters = [findRecipe('deepgram')];
  expect(() => parseConfig({ issuers, adapters, vendors: {} })).toThrow('adapters.0.id: is the id of another vendor');
});
