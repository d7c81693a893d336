import type { z } from 'zod';

/** Says in one line what is wrong with an input, never what it was. */
export const describe = (error: z.ZodError): string =>
  error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`).join('; ');

/** Parses what code hands to us; a mistake there is a `TypeError`. */
export const parseStrictly = <Schema extends z.ZodType>(
  caller: string,
  schema: Schema,
  input: unknown,
): z.output<Schema> => {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw new TypeError(`${caller}: ${describe(parsed.error)}`);
  return parsed.data;
};
