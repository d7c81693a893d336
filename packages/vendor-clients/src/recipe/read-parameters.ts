import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { z } from 'zod';
import type { VendorName } from '../kit/door/response.ts';
import type { MintRequest, RecipeOptions } from './mint-request.ts';
import { assertedValue, claimFrom, claimOf, createParameterSchema, isAllowed, ownValue } from './parameters.ts';
import { fillPlaceholders, listPlaceholders } from './placeholders.ts';
import type { Recipe, RecipeParameter } from './recipe-schema.ts';

/** Compiles how the parameters of a request are read: those of the caller, those of the operator, and the defaults. */
export function compileParameters(
  { id, title, parameters: declared }: Recipe,
  { set = {}, allow = {} }: RecipeOptions,
) {
  const vendor = { id, title };
  const entries = Object.entries(declared);
  const fromPolicy = entries
    .filter(([, { from }]) => from === 'policy')
    .map(([name, parameter]) => [name, compilePolicyValue(name, parameter, set[name], vendor)] as const);
  const listed = entries.filter(([, { authorize }]) => authorize === true).map(([name]) => name);
  if (entries.length === 0) return () => undefined;

  return ({ parameters = {}, principal, userId }: MintRequest): Readonly<Record<string, unknown>> => {
    const values: Record<string, unknown> = { ...parameters };
    for (const name of listed) {
      const value = values[name];
      if (value === undefined || principal === undefined) continue;
      if (isAllowed(String(value), allow[name] ?? [], principal, userId)) continue;
      throw new ValetKeyError('forbidden', `The operator allows you no such \`${name}\`.`, {
        vendor: vendor.id,
        reason: `not_allowed:${name}`,
        remediation: `Send a \`${name}\` that the operator has listed, or ask the operator to list it.`,
        advice: `List what callers may set in \`allow.${name}\` of the connection.`,
      });
    }
    for (const [name, valueFor] of fromPolicy) values[name] = valueFor(principal, userId);
    return values;
  };
}

function compilePolicyValue(
  name: string,
  parameter: RecipeParameter,
  given: unknown,
  vendor: VendorName,
): (principal: Principal | undefined, userId: string | undefined) => unknown {
  const source = claimOf(given);
  const schema = createParameterSchema(parameter);
  if (source === undefined && listPlaceholders(given).length > 0) return compileFilled(name, schema, given, vendor);
  if (source === undefined) return () => given ?? parameter.default;
  return (principal) => {
    const claim = principal === undefined ? undefined : claimFrom(principal, source);
    const mayBeMissing = parameter.widens !== true && (parameter.optional === true || parameter.default !== undefined);
    if (claim === undefined && mayBeMissing) return parameter.default;
    const { success, data } = schema.safeParse(claim);
    if (success) return data;
    throw new ValetKeyError('forbidden', `Your token has no claim that can be the \`${name}\` at ${vendor.title}.`, {
      vendor: vendor.id,
      reason: `claim:${name}`,
      remediation: `Sign in with a token whose claim "${source.claim}" has a value that ${vendor.title} accepts.`,
    });
  };
}

/** Compiles a value in which `{user}` and `{claim:name}` stand for the caller. */
function compileFilled(name: string, schema: z.ZodType, given: unknown, vendor: VendorName) {
  const { value, issuer } = assertedValue(given);
  return (principal: Principal | undefined, userId: string | undefined): unknown => {
    const filled = fillPlaceholders(value, (what) => ownValue(what, principal, userId, issuer));
    const { success, data } = schema.safeParse(filled);
    if (success && data !== undefined) return data;
    throw new ValetKeyError(
      'forbidden',
      `Your id or a claim of your token cannot be in the \`${name}\` at ${vendor.title}.`,
      {
        vendor: vendor.id,
        reason: `claim:${name}`,
        remediation:
          'Sign in with a token whose claims are there, and have only letters, digits and the signs _ . @ | + -.',
        advice: `Compare \`set.${name}\` of the connection with the claims of the caller's token.`,
      },
    );
  };
}
