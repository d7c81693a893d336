import { createPrivateKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { privateKeyTypes } from './field-schemas.ts';
import { recipes } from '../catalog.ts';
import { findRecipe } from '../find-recipe.ts';
import { createParameterSchema } from './parameters.ts';
import type { RecipeParameter } from './recipe-schema.ts';
import { sampleKey, sampleValue } from './sample-values.ts';
import { declareSecret } from './signing-keys.ts';

const all = Object.keys(recipes).flatMap((id) => {
  const recipe = findRecipe(id)?.recipe;
  return recipe === undefined || 'proxy' in recipe ? [] : [recipe];
});

test.each(all.map((recipe) => [recipe.id, recipe] as const))(
  '%s accepts the sample of each parameter',
  (_id, recipe) => {
    for (const parameter of Object.values(recipe.parameters)) {
      expect(createParameterSchema(parameter).safeParse(sampleValue(parameter)).success).toBe(true);
    }
  },
);

test.each<[Partial<RecipeParameter>, unknown]>([
  [{ type: 'text' }, 'sample'],
  [{ type: 'text', characters: '0-9' }, '012345'],
  [{ type: 'text', characters: 'A-Z', max: 2 }, 'AB'],
  [{ type: 'list', values: ['camera', 'screen'] }, ['camera']],
  [{ type: 'number', default: 7 }, 7],
  [{ type: 'number' }, 1],
  [{ type: 'flag' }, true],
  [{ type: 'json' }, {}],
])('the sample of %j is %j', (field, expected) => {
  expect(sampleValue({ description: 'A field.', type: 'text', from: 'caller', ...field })).toEqual(expected);
});

test('the sample of a secret has the form of the secret', () => {
  expect(sampleKey('apiKey', 'text')).toContain('sample-apiKey');
  expect(Buffer.from(sampleKey('apiKey', 'base64'), 'base64').toString()).toContain('sample-apiKey');
  expect(createPrivateKey(sampleKey('key', 'rsa-private-key')).asymmetricKeyType).toBe('rsa');
  for (const type of privateKeyTypes) {
    const { schema } = declareSecret({ type, description: 'The key.' });
    expect(schema.safeParse(sampleKey('key', type)).success).toBe(true);
  }
});
