// A vendor as data. Each export has its docstring where it is defined.
export { checkRecipe, type RecipeCheck } from './check-recipe.ts';
export { listConnectionValues } from './connection-values.ts';
export {
  defineRecipe,
  issuesTokens,
  toVendor,
  type AnyRecipeInput,
  type AnyRecipeVendor,
  type RecipeClient,
  type RecipeVendor,
} from './define-recipe.ts';
export type { ProxyRecipeClient, ProxyRecipeVendor } from './define-proxy.ts';
export { proxyRecipeSchema, type ProxyRecipe, type ProxyRecipeInput } from './proxy-schema.ts';
export { createRecipeJsonSchema } from './recipe-json-schema.ts';
export { recipeSchema, type Recipe, type RecipeInput } from './recipe-schema.ts';
export { sampleKey, sampleValue } from './sample-values.ts';
export type { MintRequest } from './mint-request.ts';
export { sampleOf } from './sample.ts';
