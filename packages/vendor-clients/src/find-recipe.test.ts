import { expect, test } from 'vitest';
import { recipes } from './catalog.ts';
import { findRecipe } from './find-recipe.ts';
import { vendors } from './registry.ts';

const ids = Object.keys(recipes);

test('the catalog has recipes of different kinds, and none with the id of an adapter', () => {
  expect(ids).toEqual(expect.arrayContaining(['deepgram', 'livekit', 'stripe-terminal']));
  expect(ids.filter((id) => Object.hasOwn(vendors, id))).toEqual([]);
});

test.each(ids)('the recipe %s can be used, and its id is its name in the catalog', (id) => {
  expect(findRecipe(id)).toMatchObject({ id, recipe: { id } });
});

test.each(ids)('the recipe %s says where an app gives the token, and how it is withdrawn', (id) => {
  expect(findRecipe(id)?.recipe.docs).toEqual({ hook: expect.any(String), withdrawal: expect.any(String) });
});

test('each recipe of the catalog has a title of its own', () => {
  const titles = ids.map((id) => findRecipe(id)?.title);
  expect(new Set(titles).size).toBe(ids.length);
});

test('findRecipe compiles a recipe once', () => {
  expect(findRecipe('livekit')).toBe(findRecipe('livekit'));
});

test.each(['', 'missing', 'constructor', '__proto__'])('findRecipe returns nothing for the id %j', (id) => {
  expect(findRecipe(id)).toBeUndefined();
});
