import { z } from 'zod';
import { baseUrlSchema } from '../kit/option-schemas.ts';
import { parseCharacters } from './character-set.ts';
import { createAllowSchema, createSetSchema } from './parameters.ts';
import type { Recipe, RecipeOption } from './recipe-schema.ts';

/** Returns the options of a recipe's vendor, apart from its credentials. */
export function createOptions(recipe: Recipe): z.ZodRawShape {
  const { options, parameters, baseUrl, service, life, keep, title } = recipe;
  const own = Object.entries(options).map(([name, option]) => [name, createOptionSchema(option)] as const);
  const all = Object.values(parameters);
  const isSetRequired = all.some(
    ({ from, default: value, optional }) => from === 'policy' && value === undefined && optional !== true,
  );
  const set = createSetSchema(recipe).describe('The parameters that no caller may set.');
  return {
    ...Object.fromEntries(own),
    ...(baseUrl !== undefined && {
      baseUrl: baseUrlSchema.optional().describe(`The URL of ${title}'s API. Absent: ${baseUrl}.`),
    }),
    ...(service !== undefined && {
      tokenUrl: baseUrlSchema.optional().describe(`The URL of ${title}'s token endpoint. Absent: ${service.tokenUrl}.`),
    }),
    ...(life !== undefined && {
      expiresInSeconds: z
        .int()
        .min(life.min)
        .max(life.max)
        .default(life.default)
        .describe('The lifetime of a token, in seconds. A caller may request a shorter one, never a longer one.'),
    }),
    ...(all.some(({ from }) => from === 'policy') && { set: isSetRequired ? set : set.prefault({}) }),
    ...(all.some(({ authorize }) => authorize === true) && {
      allow: createAllowSchema(recipe)
        .prefault({})
        .describe(
          'The values that callers may set, by parameter. `{user}` and `{claim:name}` stand for the caller, `*` at the end for any text. Absent: none.',
        ),
    }),
    ...(keep === 'account' && {
      cache: z
        .strictObject({
          minRemainingSeconds: z
            .int()
            .min(1)
            .max(86_400)
            .describe('The fewest seconds for which a shared token is still valid when the broker returns it.'),
        })
        .optional()
        .describe('Makes the broker return one token to several users. Absent: each request results in a new token.'),
    }),
  };
}

/** Returns the schema of one option. */
export function createOptionSchema(option: RecipeOption): z.ZodType {
  const schema = createBareSchema(option).describe(option.description);
  if (option.default !== undefined) return schema.default(option.default);
  return option.optional === true ? schema.optional() : schema;
}

/** Returns the schema of one option, without its default. */
export function createBareSchema({ type, values, characters, max }: RecipeOption): z.ZodType {
  if (type === 'number') return z.int().max(max ?? Number.MAX_SAFE_INTEGER);
  if (type === 'flag') return z.boolean();
  if (type === 'list') {
    const member = createBareSchema({ description: '', type: 'text', values, characters, max });
    return z.array(member).min(1).max(100);
  }
  if (values !== undefined) return z.enum(values);
  const { accepts } = parseCharacters(characters ?? 'printable');
  return z
    .string()
    .min(1)
    .max(max ?? 1_024)
    .refine((text) => text.isWellFormed() && accepts(text), { error: 'has a character that it may not have' });
}
