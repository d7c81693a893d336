import type { SampleJson, SchemaProblem } from '@valetkey/core-types';
import type { z } from 'zod';
import { createParameterSchema } from './parameters.ts';
import { createBareSchema } from './recipe-options.ts';
import type { Recipe, RecipeOption, RecipeParameter } from './recipe-schema.ts';
import { sampleValue } from './sample-values.ts';

type Values = Readonly<Record<string, SampleJson>>;
type Field = RecipeOption | RecipeParameter;

/** Returns the options of a connection for development: what is required, and every value that a caller may want to set. */
export function listConnectionValues({ options, parameters = {} }: Pick<Recipe, 'options'> & Partial<Recipe>): Values {
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
  return Object.fromEntries(fields.map(([name, field]) => [name, sampleValue(field) as SampleJson]));
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
