import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** One mistake in a validated value. */
export interface SchemaProblem {
  /** The path of the field, such as `issuers.0.audiences`; empty for the value as a whole. */
  readonly field: string;
  /** The mistake. zod's messages name types and rules, and never quote the value. */
  readonly message: string;
}

/**
 * Returns every mistake that a schema found. For a union, it returns only the mistakes in the alternative that the author
 * most likely meant.
 */
export function listSchemaProblems(error: z.core.$ZodError): SchemaProblem[] {
  return error.issues.flatMap((issue) => problemsOf(issue, []));
}

/** Returns the mistakes of {@link listSchemaProblems} as one line of text: `field: message; field: message`. */
export function describeSchemaProblems(error: z.core.$ZodError): string {
  return listSchemaProblems(error)
    .map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
    .join('; ');
}

function problemsOf(issue: Issue, parents: readonly PropertyKey[]): SchemaProblem[] {
  const path = [...parents, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return problemsOfUnion(issue.errors, path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: toField([...path, key]), message: 'is not a known field' }));
  }
  const isMissing = issue.code === 'invalid_type' && issue.message.includes('received undefined');
  return [{ field: toField(path), message: isMissing ? 'is missing' : issue.message }];
}

/**
 * Returns the problems in one alternative of a union. It prefers an alternative of the value's own type, then the alternative
 * with the fewest mistakes, then the alternative with the deepest mistake.
 */
function problemsOfUnion(alternatives: readonly (readonly Issue[])[], path: readonly PropertyKey[]): SchemaProblem[] {
  const ofSameType = alternatives.filter((issues) => !issues.some(isOtherType));
  const candidates = (ofSameType.length > 0 ? ofSameType : alternatives).map((issues) =>
    issues.flatMap((issue) => problemsOf(issue, path)),
  );
  return candidates.reduce((best, problems) => {
    if (problems.length !== best.length) return problems.length < best.length ? problems : best;
    return depthOf(problems) > depthOf(best) ? problems : best;
  });
}

const isOtherType = ({ code, path }: Issue): boolean => code === 'invalid_type' && path.length === 0;

const toField = (path: readonly PropertyKey[]): string => path.map(String).join('.');

const depthOf = (problems: readonly SchemaProblem[]): number =>
  Math.max(...problems.map(({ field }) => field.split('.').length));
