import { readdirSync } from 'node:fs';
import type { Principal } from '@valetkey/core-types';
import { parseCharacters } from '../recipe/character-set.ts';
import { isPrivateKeyType, type PrivateKeyType } from '../recipe/field-schemas.ts';
import type { AnyRecipeInput } from '../recipe/define-recipe.ts';
import type { ProxyRecipeInput } from '../recipe/proxy-schema.ts';
import { recipeSchema, type Recipe, type RecipeInput } from '../recipe/recipe-schema.ts';
import { sampleKey } from '../recipe/sample-values.ts';

const folder = new URL('../vendors/', import.meta.url);

/** Returns every recipe of the catalog that issues tokens. */
export async function loadRecipes(): Promise<readonly RecipeInput[]> {
  const recipes = await loadAllRecipes();
  return recipes.flatMap((recipe) => ('proxy' in recipe ? [] : [recipe]));
}

/** Returns every recipe of the catalog that forwards calls. */
export async function loadProxyRecipes(): Promise<readonly ProxyRecipeInput[]> {
  const recipes = await loadAllRecipes();
  return recipes.flatMap((recipe) => ('proxy' in recipe ? [recipe] : []));
}

async function loadAllRecipes(): Promise<readonly AnyRecipeInput[]> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.recipe.ts'),
  );
  const modules = await Promise.all(
    files
      .toSorted()
      .map(async (file) => (await import(new URL(file, folder).href)) as Readonly<Record<string, AnyRecipeInput>>),
  );
  return modules.flatMap((module) => Object.values(module));
}

const keys = new Map<string, string>();

/** Returns a private key. There is one of each type, because an RSA key takes long to generate. */
function privateKeyOf(type: PrivateKeyType): string {
  const key = keys.get(type) ?? sampleKey('key', type);
  keys.set(type, key);
  return key;
}

/** Returns a text of at most eight of the allowed characters. */
export function plainText(characters = 'printable', max = 8): string {
  const { has } = parseCharacters(characters);
  const letters = [...'abcdefgh12345678ABCDEFGH'].filter(has);
  return letters.slice(0, Math.min(max, 8)).join('');
}

/** The claim from which a connection of {@link connectionOf} takes every text that the policy sets. */
export const policyClaim = 'policy_text';

/** Returns the options of a connection to a recipe, in which callers may set everything that can be listed. */
export function connectionOf(input: RecipeInput, baseUrl: string): Record<string, unknown> {
  const recipe = recipeSchema.parse(input);
  const secrets = Object.entries(recipe.secrets).map(([name, { type }]) => [name, secretOf(name, type)]);
  const options = Object.entries(recipe.options)
    .filter(([, { default: value }]) => value === undefined)
    .map(([name, option]) => [name, valueOf(option)]);
  const parameters = Object.entries(recipe.parameters);
  const set = parameters
    .filter(([, { from }]) => from === 'policy')
    .map(([name, parameter]) => [name, policyValueOf(parameter)] as const)
    .filter(([, value]) => value !== undefined);
  const allow = parameters.filter(([, { authorize }]) => authorize === true).map(([name]) => [name, ['*']]);
  return {
    ...Object.fromEntries([...secrets, ...options]),
    ...(recipe.baseUrl !== undefined && { baseUrl }),
    ...(set.length > 0 && { set: Object.fromEntries(set) }),
    ...(allow.length > 0 && { allow: Object.fromEntries(allow) }),
  };
}

type Field = Recipe['parameters'][string] | Recipe['options'][string];

function isText({ type, values }: Field): boolean {
  return type === 'text' && values === undefined;
}

function policyValueOf(parameter: Recipe['parameters'][string]): unknown {
  if (isText(parameter)) return { claim: policyClaim };
  const isNeeded = parameter.default === undefined && parameter.optional !== true;
  return parameter.type === 'json' && isNeeded ? { sample: [`own-{claim:${policyClaim}}`] } : valueOf(parameter);
}

function secretOf(name: string, type: Recipe['secrets'][string]['type']): string {
  if (isPrivateKeyType(type)) return privateKeyOf(type);
  const text = `sample-${name}-0123456789`;
  return type === 'base64' ? Buffer.from(text).toString('base64') : text;
}

/** Returns a value that a field accepts. */
export function valueOf({ type, values, characters, max, default: value, optional }: Field): unknown {
  if (value !== undefined) return value;
  if (type === 'number') return 1;
  if (type === 'flag') return true;
  if (type === 'json') return optional === true ? undefined : {};
  const text = values?.[0] ?? plainText(characters, type === 'list' ? undefined : max);
  return type === 'list' ? [text] : text;
}

export const principalWith = (text: string): Principal => ({
  issuer: 'https://id.example.com',
  subject: text,
  scopes: [],
  claims: { [policyClaim]: text },
});
