import type { Operation } from '../kit/door/door.ts';
import { compileRequest, type RequestSettings } from './compile-request.ts';
import type { Recipe } from './recipe-schema.ts';
import { compileValue, type Values, type ValueTemplate } from './template.ts';

/** Compiles the request that withdraws the tokens of `values.user.id`. */
export function compileRevoke({ set, http }: NonNullable<Recipe['revoke']>, settings: RequestSettings) {
  const named = Object.entries(set).map(([name, value]) => [name, compileValue(value as ValueTemplate)] as const);
  const send = compileRequest(http, settings);
  return async (given: Values, operation: Operation): Promise<void> => {
    const values: Record<string, unknown> = { ...given };
    for (const [name, valueOf] of named) values[name] = valueOf(values);
    await send(values, operation);
  };
}
