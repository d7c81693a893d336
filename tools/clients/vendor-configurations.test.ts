// Checks that the YAML of the vendors' pages configures their recipes.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { defineRecipe } from '../../packages/vendor-clients/src/recipe/define-recipe.ts';
import { connectionOf, loadRecipes } from '../../packages/vendor-clients/src/testing/recipe-connection.ts';
import { root } from '../workspace.ts';

const blockSchema = z.object({ vendors: z.record(z.string(), z.record(z.string(), z.unknown())) });
/** What the broker itself reads of a connection. */
const brokerOptions = new Set(['vendor', 'user', 'issuers', 'boundByAppToken', 'requiredScopes', 'requiredClaims']);

const recipes = new Map((await loadRecipes()).map((recipe) => [recipe.id, recipe]));
const connections = globSync('docs/vendors/*.md', { cwd: root }).flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n(.*?)^```/gms)].flatMap(([, text = '']) =>
    Object.entries(blockSchema.parse(parse(text)).vendors)
      .filter(([name]) => recipes.has(name))
      .map(([name, connection]) => ({ page, name, connection })),
  ),
);

test.each(connections)('$page configures $name', ({ name, connection }) => {
  const recipe = recipes.get(name);
  if (recipe === undefined) throw new Error(`There is no recipe ${name}.`);
  const samples = connectionOf(recipe, 'https://vendor.example');
  const given = Object.entries(connection)
    .filter(([option]) => !brokerOptions.has(option))
    .map(([option, value]) => [option, isReference(value) ? samples[option] : value]);
  const { success, error } = defineRecipe(recipe).options.safeParse(Object.fromEntries(given));
  expect({ success, error: error?.message }).toEqual({ success: true, error: undefined });
});

function isReference(value: unknown): boolean {
  return typeof value === 'string' && /^\$\{(env|file):[^}]+\}$/.test(value);
}
