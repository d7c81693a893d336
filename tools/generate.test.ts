import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findRecipe, recipes, vendors } from '@valetkey/vendor-clients';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { parse as parseYaml } from 'yaml';
import { describe, expect, test } from 'vitest';
import { renderConfigReference } from './generate/config-reference.ts';
import { createConfigSchema } from './generate/config-schema.ts';
import { renderRoomMap } from './generate/room-map.ts';
import { readSection, replaceSection } from './generate/sections.ts';
import { root } from './workspace.ts';

const definitions = Object.values(vendors);
const catalog = Object.keys(recipes).flatMap((id) => findRecipe(id) ?? []);
const schema = createConfigSchema([...definitions, ...catalog]);
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema.whole);

/** The YAML and JSON blocks of the page that are configurations. Each JSON text is also YAML. */
const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
const examples = [...page.matchAll(/```(?:yaml|json)\n([\s\S]*?)```/g)]
  .map(([, text = '']) => text)
  .filter((text) => /^(  ")?(issuers|vendors|store|listen)"?:/m.test(text));

test('every generated file is up to date', async () => {
  const args = ['--conditions=@valetkey/source', 'tools/generate.ts', '--check'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  expect(stdout).toContain(' 0 out of date');
});

/** Returns what a file imports at run time before its own code runs, and what those files import. */
function listEarlyImports(file: string, seen = new Set<string>()): ReadonlySet<string> {
  const imports = readFileSync(file, 'utf8').matchAll(/^import (?!type )(?:[^;]* from )?'([^']+)';/gm);
  for (const [, specifier = ''] of imports) {
    const target = specifier.startsWith('.') ? join(dirname(file), specifier) : specifier;
    if (seen.has(target)) continue;
    seen.add(target);
    if (specifier.startsWith('.')) listEarlyImports(target, seen);
  }
  return seen;
}

test('generate loads no package before it has written the lists of vendors, which the package would load as they were', () => {
  const imports = [...listEarlyImports(join(root, 'tools/generate.ts'))];
  expect(imports).toContain(join(root, 'tools/generate/vendor-lists.ts'));
  expect(imports.filter((specifier) => specifier.startsWith('@valetkey/'))).toEqual([]);
});

describe('createConfigSchema', () => {
  test.each(examples.map((text, index) => [index, text] as const))(
    'the JSON Schema accepts example %i of docs/configuration.md',
    (_index, text) => {
      validate(parseYaml(text));
      // An example about one field may leave out what the broker or a vendor requires.
      const isLeftOut = ({ keyword, schemaPath }: ErrorObject) => keyword === 'required' || schemaPath === '#/anyOf';
      const mistakes = validate.errors?.filter((error) => !isLeftOut(error)) ?? [];
      expect(mistakes).toEqual([]);
    },
  );

  test('the JSON Schema accepts the configuration of examples/sandbox', () => {
    const text = readFileSync(join(root, 'examples/sandbox/valetkey.yaml'), 'utf8');
    expect(validate(parseYaml(text)), JSON.stringify(validate.errors)).toBe(true);
  });

  const issuers = [{ issuer: 'https://id.example.com', audiences: ['api'] }];
  const deepgram = { apiKey: '${env:DEEPGRAM}' };
  const vital = { vendor: 'vital', apiKey: '${env:VITAL}', environment: 'sandbox', region: 'us' };

  test.each([
    ['a connection with a name of its own', { issuers, vendors: { 'vital-us': vital } }],
    ['a reference in place of a listed value', { issuers, vendors: { vital: { ...vital, region: '${env:REGION}' } } }],
    ['a provider by name', { issuers: [{ provider: 'okta', domain: 'acme.okta.com' }] }],
    ['a `$schema` field for editors', { $schema: './node_modules/@valetkey/broker/config.schema.json', issuers }],
    [
      'references in place of texts of a certain form',
      {
        issuers: [{ issuer: '${env:A}', audiences: ['api'] }],
        admin: { token: '${env:A}', port: '${env:A}' },
        cors: { origins: ['${env:A}'] },
      },
    ],
    ['a secret as a text', { issuers, vendors: { nabla: { serverKey: 'key' } } }],
    ['a secret with two slots', { issuers, vendors: { nabla: { serverKey: { current: 'a', next: 'b' } } } }],
    [
      'a client in place of a secret',
      { issuers, vendors: { nabla: { serverKey: { clientId: 'a', privateKey: 'b' } } } },
    ],
    ['each user source', { issuers, vendors: { nabla: { serverKey: 'key', user: { mapping: true } } } }],
    ['a database with options', { issuers, store: { postgres: 'a', maxConnections: 1 } }],
    [
      'a recipe of the catalog, also under a name of its own',
      { issuers, vendors: { deepgram, voices: { ...deepgram, vendor: 'deepgram' } } },
    ],
    [
      'any JSON and a claim as a parameter of a recipe',
      {
        issuers,
        vendors: {
          a: { vendor: 'stripe-customer-session', secretKey: 'a', set: { components: { buy_button: true } } },
          b: { vendor: 'stripe-customer-session', secretKey: 'a', set: { components: { claim: 'components' } } },
        },
      },
    ],
    [
      "an operator's own recipe with options of its own",
      { issuers, vendors: { acme: { recipe: './acme.recipe.yaml', region: 'eu', requiredScopes: ['rooms'] } } },
    ],
    ['a vendor that signs users in', { vendors: { authgear: { endpoint: 'https://a.authgear.cloud' } } }],
  ])('the JSON Schema of the configuration accepts %s', (_case, config) => {
    expect(validate(config), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each([
    ['an unknown field', { issuers, listn: {} }],
    ['an unknown option of a vendor', { issuers, vendors: { vital: { ...vital, key: 'a' } } }],
    ['a connection that names no vendor', { issuers, vendors: { mine: { apiKey: 'a' } } }],
    ['a value that is not listed', { issuers, vendors: { vital: { ...vital, region: 'mars' } } }],
    ['a configuration that no user could use', { listen: { port: 1 } }],
    ['an origin with a path', { issuers, cors: { origins: ['https://app.example.com/'] } }],
    ['an empty issuer', { issuers: [{ issuer: '', audiences: ['api'] }] }],
    ['a short admin token', { issuers, admin: { token: 'short' } }],
    ['a short next admin token', { issuers, admin: { token: { current: 'x'.repeat(16), next: 'short' } } }],
    [
      'a short secret of a sealing key',
      { issuers, redis: { url: 'redis://a', sealingKeys: [{ id: 'a', secret: 'b' }] } },
    ],
    ['a name that is not allowed', { issuers, vendors: { 'Vital US': vital } }],
    ['two stores', { issuers, store: { sqlite: 'a', postgres: 'b' } }],
    ['an option of another store', { issuers, store: { sqlite: 'a', maxConnections: 1 } }],
    ['no store', { issuers, store: {} }],
    ['an unknown vendor', { issuers, vendors: { mine: { vendor: 'mars' } } }],
    ['two user sources', { issuers, vendors: { nabla: { serverKey: 'key', user: { claim: 'a', mapping: true } } } }],
    ['a missing option of a recipe', { issuers, vendors: { deepgram: {} } }],
    ['an unknown option of a recipe', { issuers, vendors: { deepgram: { ...deepgram, key: 'a' } } }],
    ['a recipe beside a vendor', { issuers, vendors: { acme: { recipe: './a.yaml', vendor: 'deepgram' } } }],
    ['a recipe that is no path', { issuers, vendors: { acme: { recipe: { id: 'acme' } } } }],
    [
      'a wrong field of a connection to an own recipe',
      { issuers, vendors: { acme: { recipe: './a.yaml', requiredScopes: 'rooms' } } },
    ],
    ['a missing option', { issuers, vendors: { vital: { vendor: 'vital' } } }],
  ])('the JSON Schema of the configuration refuses %s', (_case, config) => {
    expect(validate(config)).toBe(false);
  });

  test.each([
    ['a wrong port', { issuers, listen: { port: 'http' } }, ['/listen/port pattern']],
    ['a wrong type of a secret', { issuers, vendors: { nudge: { apiKey: 1 } } }, ['/vendors/nudge/apiKey type']],
    [
      'a wrong option of a store',
      { issuers, store: { postgres: 'a', maxConnections: 0 } },
      ['/store/maxConnections minimum'],
    ],
    [
      'a wrong option of a named vendor',
      { issuers, vendors: { mine: { ...vital, timeoutMs: 0 } } },
      ['/vendors/mine/timeoutMs minimum', '/vendors/mine if'],
    ],
  ])('an editor shows only the real mistakes for %s', (_case, config, expected) => {
    validate(config);
    expect(validate.errors?.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`)).toEqual(expected);
  });
});

test('the reference in docs/configuration.md has a sentence about every field', () => {
  const rows = renderConfigReference(schema, definitions, catalog).split('\n');
  const fields = rows.filter((row) => row.startsWith('| `'));
  expect(fields.length).toBeGreaterThan(80);
  for (const row of fields) expect(row, row).toMatch(/ [A-Z`][^|]*\. \|$/);
});

test('the reference has what all recipes share once, and the own options of each recipe', () => {
  const reference = renderConfigReference(schema, definitions, catalog);
  const [, shared = '', ...others] = reference.slice(reference.indexOf('### Options of every recipe')).split('### ');
  expect(shared).toContain('| `set.<parameter>.claim` | text |');
  expect(shared).toContain('| `timeoutMs` |');
  expect(others).toHaveLength(catalog.length);
  expect(others.join('')).not.toMatch(/`timeoutMs`|`set\.\w+\.claim`/);
  expect(others.find((text) => text.includes('(`livekit`)'))).toMatch(/`set\.can_publish`[^]*`allow\.room`/);
});

test('config.schema.json stays small enough for editors', () => {
  expect(statSync(join(root, 'apps/broker/config.schema.json')).size).toBeLessThan(1_000_000);
});

test('each default in the reference can be copied into a configuration, also a list of marks', () => {
  const reference = renderConfigReference(schema, definitions);
  expect(reference).not.toContain('[object');
  expect(reference).toContain('`[{ claim: gty, values: [client-credentials, client_credentials] }, ');
});

test('renderRoomMap lists the rooms of each package from the top down', () => {
  const plans = { acme: { levels: [['http'], ['vendors/*', 'audit']], words: [] } };
  const packages = [{ folder: 'apps/acme' }, { folder: 'packages/other' }];
  expect(renderRoomMap(packages, plans).split('\n').slice(2)).toEqual([
    '| `apps/acme` | `http` > `vendors/*`, `audit` |',
    '| `packages/other` | none |',
  ]);
});

test('replaceSection replaces only the text between the markers, and throws if they are missing', () => {
  const text = 'a\n<!-- x:start -->\nold\n<!-- x:end -->\nb\n';
  expect(replaceSection(text, 'x', 'new')).toBe('a\n<!-- x:start -->\n\nnew\n\n<!-- x:end -->\nb\n');
  expect(() => replaceSection(text, 'y', 'new')).toThrow('section y');
});

test('readSection returns the text between the markers, and throws if they are missing', () => {
  const text = 'a\n<!-- x:start -->\n\nold\ntext\n\n<!-- x:end -->\nb\n';
  expect(readSection(text, 'x')).toBe('old\ntext');
  expect(() => readSection(text, 'y')).toThrow('section y');
});
