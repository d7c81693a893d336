import { expect, test } from 'vitest';
import { defineRecipe } from '../recipe/index.ts';
import { loadProxyRecipes } from '../testing/recipe-connection.ts';
import { startVendorServer } from '../testing/vendor-server.ts';

const recipes = (await loadProxyRecipes()).map((recipe) => [recipe.id, recipe] as const);

test.each(recipes)('%s proves a right key, and reports one that the vendor refuses', async (id, recipe) => {
  await using server = await startVendorServer({ json: {} });
  const vendor = defineRecipe(recipe);
  const lists = Object.entries(vendor.recipe.options).filter(([, { type }]) => type === 'list');
  const given = {
    apiKey: 'sample-key',
    baseUrl: server.url,
    ...Object.fromEntries(lists.map(([name]) => [name, ['a']])),
  };
  const { verify, close } = vendor.createClient(given);
  await expect(verify()).resolves.toEqual({ proven: ['`apiKey` is accepted'] });
  const [field = 'error'] = vendor.recipe.errorFields ?? [];
  server.respond({ status: 401, json: { [field]: 'refused' } });
  await expect(verify()).rejects.toMatchObject({ code: 'vendor_auth_failed', vendor: id });
  await close();
});

test.each(recipes)('%s has no model, voice or path that the operator does not list', (_id, recipe) => {
  const { options } = defineRecipe(recipe);
  expect(options.safeParse({ apiKey: 'sample-key' }).error?.issues.map(({ path }) => path[0])).toContain('models');
  expect(options.safeParse({ apiKey: 'sample-key', models: [] }).success).toBe(false);
  expect(options.safeParse({ apiKey: 'sample-key', models: ['../a'], voices: ['a'] }).success).toBe(false);
});
