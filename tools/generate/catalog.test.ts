import { expect, test } from 'vitest';
import { createTree } from '../testing/tree.ts';
import { listRecipes, renderCatalog } from './catalog.ts';
import { listVendors } from './vendor-lists.ts';

const folder = 'packages/vendor-clients/src/vendors';
const files = {
  [`${folder}/acme/acme.ts`]: '',
  [`${folder}/pixel/pixel-view.recipe.ts`]: '',
  [`${folder}/pixel/pixel-view.test.ts`]: '',
  [`${folder}/big/big.recipe.ts`]: '',
  [`${folder}/recorded/fixtures/recorded.json`]: '',
  [`${folder}/all-recipes.test.ts`]: '',
};

test('listRecipes returns the recipe files in the order of their ids, and listVendors only folders with code', () => {
  const root = createTree(files);
  expect(listRecipes(root)).toEqual([
    { id: 'big', vendor: 'big' },
    { id: 'pixel-view', vendor: 'pixel' },
  ]);
  expect(listVendors(root)).toEqual(['acme']);
});

test('renderCatalog imports each recipe from the folder of its vendor, and lists it by its id', () => {
  const text = renderCatalog(listRecipes(createTree(files)));
  expect(text).toContain("import { pixelViewRecipe } from './vendors/pixel/pixel-view.recipe.ts';");
  expect(text).toMatch(/= \{\nbig: bigRecipe,\n'pixel-view': pixelViewRecipe,\n\};\n$/);
});
