import { generateKeyPairSync } from 'node:crypto';
import { parseCharacters } from './character-set.ts';
import type { Recipe, RecipeOption, RecipeParameter } from './recipe-schema.ts';

/** Returns a value that an option or a parameter accepts, for a trial of the recipe: its example or default, else a made one. */
export function sampleValue(field: RecipeOption | RecipeParameter): unknown {
  const { type, values, characters, max, default: value, example = value } = field;
  if (example !== undefined) return example;
  if (type === 'number') return 'min' in field ? Math.max(1, field.min ?? 1) : 1;
  if (type === 'flag') return true;
  if (type === 'json') return {};
  const text = values?.[0] ?? sampleText(characters, type === 'list' ? undefined : max);
  return type === 'list' ? [text] : text;
}

/** Returns a text of the allowed characters: `sample` if they allow it. */
function sampleText(characters = 'printable', max = 8): string {
  const { has, accepts } = parseCharacters(characters);
  const text = accepts('sample') ? 'sample' : [...'abcdef012345ABCDEF-_.'].filter(has).join('').slice(0, 8);
  return text.slice(0, max);
}

/** Returns a secret of the right form that opens nothing. A private key is a new one. */
export function sampleKey(name: string, type: Recipe['secrets'][string]['type']): string {
  if (type === 'rsa-private-key') return pemOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }));
  if (type === 'p256-private-key') return pemOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  if (type === 'p384-private-key') return pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }));
  if (type === 'ed25519-private-key') return pemOf(generateKeyPairSync('ed25519'));
  const text = `sample-${name}-0123456789abcdef0123456789abcdef`;
  return type === 'base64' ? Buffer.from(text).toString('base64') : text;
}

function pemOf({ privateKey }: ReturnType<typeof generateKeyPairSync>): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
