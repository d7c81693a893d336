import type { SampleJson, SchemaProblem } from '@valetkey/core-types';
import type { z } from 'zod';
import { parseCharacters } from './character-set.ts';
import { createParameterSchema } from './parameters.ts';
import { createBareSchema } from './recipe-options.ts';
import type { Recipe, RecipeOption, RecipeParameter } from './recipe-schema.ts';

type Values = Readonly<Record<string, SampleJson>>;
type Field = RecipeOption | RecipeParameter;

/** Returns the options of a connection for development: what is required, and every value that a caller may want to set. */
export function listConnectionValues({ options, parameters }: Recipe): Values {
  const all = Object.entries(parameters);
  const set = all.filter(([, parameter]) => parameter.from === 'policy' && isRequired(parameter));
  const allow = all.filter(([, { authorize }]) => authorize === true).map(([name]) => [name, ['*']] as const);
  return {
    ...toValues(Object.entries(options).filter(([, option]) => isRequired(option))),
    ...(set.length > 0 && { set: toValues(set) }),
    ...(allow.length > 0 && { allow: Object.fromEntries(allow) }),
  };
}

/** Returns the parameters that a caller must send. */
export function listCallerValues({ parameters }: Recipe): Values {
  return toValues(Object.entries(parameters).filter(([, one]) => one.from === 'caller' && isRequired(one)));
}

function isRequired({ default: value, optional }: Field): boolean {
  return value === undefined && optional !== true;
}

function toValues(fields: readonly (readonly [string, Field])[]): Values {
  return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(name, field)]));
}

/** Returns a value that a field accepts. */
function exampleOf(name: string, field: Field): SampleJson {
  const { type, values, example } = field;
  if (example !== undefined) return example as SampleJson;
  if (type === 'flag') return true;
  if (type === 'number') return 'min' in field ? (field.min ?? 1) : 1;
  if (type === 'json') return {};
  const text = values?.[0] ?? createText(name, field);
  return type === 'list' ? [text] : text;
}

/** Returns a text of the characters that a field may have. */
function createText(name: string, { characters = 'printable', type, max }: Field): string {
  const { accepts } = parseCharacters(characters);
  const words = `sample-${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll('_', '-')}`;
  const most = type === 'list' ? undefined : max;
  const candidates = [words, words.replaceAll('-', '_'), words.replaceAll('-', ''), '1000.1', '1000', 'sample', 'a'];
  const fitting = candidates.find((text) => accepts(text) && text.length <= (most ?? text.length));
  return fitting ?? [...characters].find((character) => accepts(character)) ?? 'a';
}

/** Returns a problem for each example that its field does not accept. */
export function findExampleProblems({ options, parameters }: Recipe): readonly SchemaProblem[] {
  const wrong = [
    ...Object.entries(options)
      .filter(([, option]) => isRefused(option, () => createBareSchema(option)))
      .map(([name]) => `options.${name}`),
    ...Object.entries(parameters)
      .filter(([, parameter]) => isRefused(parameter, () => createParameterSchema(parameter)))
      .map(([name]) => `parameters.${name}`),
  ];
  return wrong.map((place) => ({ field: `${place}.example`, message: 'is no value that the field accepts' }));
}

function isRefused({ example }: Field, createSchema: () => z.ZodType): boolean {
  return example !== undefined && !createSchema().safeParse(example, { jitless: true }).success;
}
