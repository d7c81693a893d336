import { expect, test } from 'vitest';
import { toVendor } from '../recipe/index.ts';
import { recipeSchema } from '../recipe/recipe-schema.ts';
import { connectionOf, loadRecipes } from '../testing/recipe-connection.ts';
import { startVendorServer } from '../testing/vendor-server.ts';

const verified = (await loadRecipes())
  .filter(({ verify }) => verify !== undefined)
  .map((input) => [input.id, recipeSchema.parse(input)] as const);

test.each(verified)('%s proves a right key, and reports one that the vendor refuses', async (id, recipe) => {
  await using server = await startVendorServer({ json: {} });
  const vendor = toVendor(recipe);
  const options = vendor.options.parse(connectionOf(recipe, server.url));
  const { verify, close } = vendor.create(options);
  const proven = Object.keys(recipe.secrets).map((name) => `\`${name}\` is accepted`);

  await expect(verify?.()).resolves.toEqual({ proven });
  // The body has a field of every vendor's own errors.
  const [field = 'error'] = recipe.errorFields ?? [];
  server.respond({ status: 401, json: { [field]: 'refused' } });
  await expect(verify?.()).rejects.toMatchObject({ code: 'vendor_auth_failed', vendor: id });

  expect(server.calls.map(({ method }) => method)).toEqual([recipe.verify?.method, recipe.verify?.method]);
  await close?.();
});
