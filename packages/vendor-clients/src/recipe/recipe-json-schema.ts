import { z } from 'zod';
import { proxyRecipeSchema } from './proxy-schema.ts';
import { recipeSchema } from './recipe-schema.ts';

/** Returns the JSON Schema (draft 2020-12) of a recipe, with which editors complete and check a recipe file. */
export function createRecipeJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(z.union([recipeSchema, proxyRecipeSchema]), {
    io: 'input',
    unrepresentable: 'any',
  });
  return { $schema, title: 'Recipe of a vendor for Valet Key', ...schema };
}
