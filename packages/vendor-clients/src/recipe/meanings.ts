import { z } from 'zod';
import type { StatusMeaning, StatusMeanings } from '../kit/door/refusal.ts';
import type { Recipe } from './recipe-schema.ts';
import { compileExpression } from './template.ts';

/** Returns what the vendor's refusals mean, by status, in the order of the recipe. */
export function meaningsOf({ errors }: Pick<Recipe, 'errors'>): StatusMeanings {
  const meanings: Record<number, StatusMeaning[]> = {};
  for (const { status, when, ...meaning } of errors) {
    (meanings[status] ??= []).push({ ...meaning, ...(when !== undefined && { body: bodySchemaOf(when) }) });
  }
  return meanings;
}

/** Returns a schema that accepts a response with these fields. */
export function bodySchemaOf(when: Readonly<Record<string, string | number | boolean>>): z.ZodType {
  const fields = Object.entries(when).map(([path, expected]) => {
    const read = compileExpression({ path: ['body', ...path.split('.')], filters: [] });
    return (body: unknown) => read({ body }) === expected;
  });
  return z.custom((body) => fields.every((fits) => fits(body)));
}
