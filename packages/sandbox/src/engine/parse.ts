import { describeSchemaProblems } from '@valetkey/core-types';
import type { z } from 'zod';

/** Parses an argument of a public function. Throws a `TypeError` that names the function and every wrong field. */
export function parseArgument<Schema extends z.ZodType>(
  functionName: string,
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new TypeError(`${functionName}: ${describeSchemaProblems(parsed.error)}`);
  return parsed.data;
}
