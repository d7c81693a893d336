import { secureUrlSchema } from '@valetkey/core-types';
import { z } from 'zod';
import { namesRefusedAddress } from './door/egress.ts';

/** Where a vendor is: an https URL, or a loopback one while developing. A slash at its end means nothing. */
export const baseUrlSchema = secureUrlSchema
  .refine((url) => !URL.canParse(url) || !namesRefusedAddress(url), { error: 'must not name a private address' })
  .transform((url) => url.replace(/\/+$/, ''));

/** Total time for one call to a vendor, in milliseconds. */
export const timeoutMsSchema = z.number().int().min(1).max(120_000).default(5_000);

/** A token as vendors send it: visible ASCII, so that it fits into a header and into a line of text. */
export const tokenTextSchema = z
  .string()
  .max(16_384)
  .regex(/^[\x21-\x7e]+$/);

/** Checks a client's options. Throws a `TypeError` that names the fields and never their values. */
export function parseOptions<Schema extends z.ZodType>(
  title: string,
  schema: Schema,
  options: z.input<Schema>,
): z.output<Schema> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const problems = result.error.issues.map(describeIssue).join('; ');
  throw new TypeError(`${title} cannot be set up: ${problems}.`);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const [{ field, message }] = findProblems(issue, []).toSorted((left, right) => right.weight - left.weight) as [
    Problem,
  ];
  return field === '' ? message : `${field}: ${message}`;
}

interface Problem {
  readonly field: string;
  readonly message: string;
  /** Of a union's alternatives, the one that came furthest and found fault with a value is the one that was meant. */
  readonly weight: number;
}

function findProblems(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Problem[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return issue.errors.flatMap(([first]) => (first === undefined ? [] : findProblems(first, path)));
  }
  const isShape = issue.code === 'invalid_type' || issue.code === 'unrecognized_keys';
  return [{ field: path.join('.'), message: issue.message, weight: path.length * 2 + (isShape ? 0 : 1) }];
}
