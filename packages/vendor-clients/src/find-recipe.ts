import { recipes } from './catalog.ts';
import { defineRecipe, type AnyRecipeVendor } from './recipe/define-recipe.ts';

const found = new Map<string, AnyRecipeVendor>();

/**
 * Returns the vendor of a recipe of the catalog, or undefined if the catalog has no recipe with this id. A recipe is checked and
 * compiled when it is first asked for, so that a program pays only for the recipes that it uses.
 *
 * @example
 * ```ts
 * import { findRecipe } from '@valetkey/vendor-clients';
 *
 * const deepgram = findRecipe('deepgram')?.createClient({ apiKey: process.env.DEEPGRAM_API_KEY ?? '' });
 * await deepgram?.verify();
 * ```
 */
export function findRecipe(id: string): AnyRecipeVendor | undefined {
  const known = found.get(id);
  const recipe = Object.hasOwn(recipes, id) ? recipes[id] : undefined;
  if (known !== undefined || recipe === undefined) return known;
  const vendor = 'proxy' in recipe ? defineRecipe(recipe) : defineRecipe(recipe);
  found.set(id, vendor);
  return vendor;
}
