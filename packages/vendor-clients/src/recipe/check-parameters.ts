import type { SchemaProblem } from '@valetkey/core-types';
import { createParameterSchema } from './parameters.ts';
import type { Recipe } from './recipe-schema.ts';

/** A field of an SDK's request sets only what a caller may set: identities in it are never used. */
export function findEndpointProblems({ endpoint, parameters }: Recipe): readonly SchemaProblem[] {
  return Object.keys(endpoint?.parameters ?? {})
    .filter((name) => parameters[name]?.from !== 'caller')
    .map((name) => ({ field: `endpoint.parameters.${name}`, message: 'is no parameter that a caller may set' }));
}

/** Returns what is wrong with the parameters: who may set them, and what they are if nobody does. */
export function findParameterProblems({ parameters }: Recipe): readonly SchemaProblem[] {
  return Object.entries(parameters).flatMap(([name, parameter]) => {
    const field = `parameters.${name}`;
    const { from, authorize, widens, type, default: value, optional } = parameter;
    const report = (message: string) => [{ field, message }];
    if (name === 'expires_in_seconds') return report('is a parameter of every recipe that has `life`');
    if (widens === true && from === 'caller') return report('cannot have `widens`: a caller may leave it out');
    if (authorize === true && from === 'policy') return report('cannot have `authorize`: the operator sets it');
    if (authorize === true && optional === true)
      return report('has both `authorize` and `optional`: a caller may leave it out, and is then not checked');
    if (authorize === true && type !== 'text') return report('cannot have `authorize`: only a text can be listed');
    if (type === 'json' && from === 'caller') return report('must be `from: policy`: a caller cannot set any JSON');
    if (value !== undefined && optional === true) return report('has both `default` and `optional`');
    const isRight = value === undefined || createParameterSchema(parameter).safeParse(value).success;
    return isRight ? [] : report('has a default that it would refuse');
  });
}
