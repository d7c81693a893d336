import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { defineRecipe } from '../recipe/index.ts';
import { connectionOf, loadProxyRecipes, loadRecipes } from '../testing/recipe-connection.ts';

const folder = new URL('../../../../docs/vendors/', import.meta.url);
const issuing = (await loadRecipes()).map((input) => defineRecipe(input));
const forwarding = (await loadProxyRecipes()).map((input) => defineRecipe(input));
const recipes = new Map([...issuing, ...forwarding].map((vendor) => [vendor.id, vendor] as const));

type Connection = Readonly<Record<string, unknown>>;

/** The fields of a connection that the broker reads itself. */
const ofBroker = new Set([
  'vendor',
  'user',
  'issuers',
  'boundByAppToken',
  'requiredScopes',
  'requiredClaims',
  'policy',
]);

const connections = readdirSync(folder).flatMap((page) => {
  const text = readFileSync(new URL(page, folder), 'utf8');
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => {
    const { vendors = {} } = parse(block.replaceAll(/\$\{env:\w+\}/g, 'sample-value')) as {
      vendors?: Readonly<Record<string, Connection>>;
    };
    return Object.entries(vendors).flatMap(([name, connection]) => {
      const id = String(connection['vendor'] ?? name);
      const recipe = recipes.get(id);
      return recipe === undefined ? [] : [{ page, id, recipe, connection }];
    });
  });
});

test.each(connections)('the page $page configures $id as its recipe accepts it', ({ recipe, connection }) => {
  const { options, recipe: data } = recipe;
  const samples: Connection = 'proxy' in data ? connection : connectionOf(data, 'https://vendor.example');
  const own = Object.entries(connection)
    .filter(([field]) => !ofBroker.has(field))
    // A private key must be one.
    .map(([field, value]) => [field, data.secrets[field] === undefined ? value : samples[field]]);
  expect(options.safeParse(Object.fromEntries(own))).toMatchObject({ success: true });
});

const named = readdirSync(folder).map((page) => readFileSync(new URL(page, folder), 'utf8'));

test.each([...recipes.keys()])('a page names %s, so that an operator finds it', (id) => {
  expect(named.some((text) => text.includes(`\`${id}\``) || text.includes(`  ${id}:`))).toBe(true);
});
