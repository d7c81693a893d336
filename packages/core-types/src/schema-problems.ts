import type { z } from 'zod';
import { findSimilarName, isFieldName, toFieldPath } from './field-path.ts';
import { isDefaultMessage, isMissing, joinWithOr, toSentence, toTypeName } from './issue-sentence.ts';
import { alternativesOf, fieldsOf, findPlace, optionsOf, type SchemaPlace } from './schema-fields.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** One mistake in a validated value. */
export interface SchemaProblem {
  /** The path of the field, such as `issuers.0.audiences`; empty for the value as a whole. */
  readonly field: string;
  /** The mistake. It names types and rules, and never quotes the value. */
  readonly message: string;
}

/** A problem before its path becomes text. */
interface Problem {
  readonly path: Path;
  readonly message: string;
  /** The known field that a misspelt field most likely means. */
  readonly meant?: string | undefined;
}

/**
 * Returns the mistakes that a schema found, one for each field. For a union, it returns only the mistakes in the alternative
 * that the author most likely meant. With the `schema`, it also says which field a misspelt name means, and which fields the
 * alternatives of a union need. With the `value`, such a field is always one of the alternative that the value selects.
 */
export function listSchemaProblems(
  error: z.core.$ZodError,
  schema?: z.core.$ZodType,
  value?: unknown,
): SchemaProblem[] {
  const place = { schemas: schema === undefined ? [] : [schema], value };
  const problems = withoutConsequences(error.issues.flatMap((issue) => problemsOf(issue, [], place)));
  const messages = new Map<string, string>();
  for (const { path, message } of problems) {
    const field = toFieldPath(path);
    if (!messages.has(field)) messages.set(field, message);
  }
  return [...messages].map(([field, message]) => ({ field, message }));
}

/** Returns the mistakes of {@link listSchemaProblems} as one line of text: `field: message; field: message`. */
export function describeSchemaProblems(error: z.core.$ZodError, schema?: z.core.$ZodType, value?: unknown): string {
  return listSchemaProblems(error, schema, value)
    .map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))
    .join('; ');
}

/** A required field that is misspelt would be reported twice: as unknown, and as missing. */
function withoutConsequences(problems: readonly Problem[]): Problem[] {
  const meant = new Set(
    problems.flatMap(({ path, meant: name }) =>
      name === undefined ? [] : [toFieldPath([...path.slice(0, -1), name])],
    ),
  );
  return problems.filter(({ path, message }) => message !== 'is missing' || !meant.has(toFieldPath(path)));
}

/** Returns the problems of an issue that was found at `place`, whose path is `parents`. */
function problemsOf(issue: Issue, parents: Path, place: SchemaPlace): Problem[] {
  const path = [...parents, ...issue.path];
  const found = findPlace(place, issue.path);
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return problemsOfUnion(issue.errors, path, found);
  if (issue.code === 'unrecognized_keys') return problemsOfUnknownFields(issue.keys, path, found);
  return [{ path, message: isMissing(issue) ? 'is missing' : toSentence(issue) }];
}

function problemsOfUnknownFields(keys: readonly string[], path: Path, place: SchemaPlace): Problem[] {
  const objects = alternativesOf(place).flatMap((alternative) => fieldsOf(alternative) ?? []);
  const { value } = place;
  const complete = objects.filter(({ required }) =>
    required.every((name) => typeof value === 'object' && value !== null && Object.hasOwn(value, name)),
  );
  const known = (complete.length > 0 ? complete : objects).flatMap(({ all }) => all);
  const named = keys.filter(isFieldName).map((key): Problem => {
    const meant = findSimilarName(
      key,
      known.filter((name) => name !== key),
    );
    const advice = meant === undefined ? '' : `; did you mean \`${meant}\`?`;
    return { path: [...path, key], message: `is not a known field${advice}`, meant };
  });
  const hidden = keys.length - named.length;
  if (hidden === 0) return named;
  const subject = hidden === 1 ? 'an unknown field whose name' : `${hidden} unknown fields whose names`;
  return [...named, { path, message: `has ${subject} may be a secret and ${hidden === 1 ? 'is' : 'are'} not shown` }];
}

/**
 * Returns the problems in one alternative of a union. It prefers an alternative of the value's own type, then the alternative
 * with the fewest mistakes, then the alternative with the deepest mistake.
 */
function problemsOfUnion(alternatives: readonly (readonly Issue[])[], path: Path, place: SchemaPlace): Problem[] {
  const failed = flattenUnion(alternatives, place);
  const ofSameType = failed.filter(({ issues }) => !issues.some(isOtherType));
  if (ofSameType.length === 0) return [{ path, message: describeTypes(failed.flatMap(({ issues }) => issues)) }];
  const choice = describeChoice(
    ofSameType.map(({ issues }) => issues),
    alternativesOf(place),
  );
  const candidates = ofSameType.map(({ issues, place: own }) =>
    withoutConsequences(issues.flatMap((issue) => problemsOf(issue, path, own))),
  );
  if (choice !== undefined && !candidates.flat().some(({ meant }) => meant !== undefined)) {
    return [{ path, message: choice }];
  }
  return candidates.reduce((best, problems) => {
    if (problems.length !== best.length) return problems.length < best.length ? problems : best;
    return depthOf(problems) > depthOf(best) ? problems : best;
  });
}

/** Returns a sentence for a value that has the type of no alternative. */
function describeTypes(issues: readonly Issue[]): string {
  const written = issues.find((issue) => !isDefaultMessage(issue));
  if (written !== undefined) return written.message;
  if (issues.some(isMissing)) return 'is missing';
  const names = issues.flatMap((issue) => (issue.code === 'invalid_type' ? [toTypeName(issue.expected)] : []));
  return `must be ${joinWithOr([...new Set(names)])}`;
}

/**
 * Explains a value that has the required fields of no alternative, or those of several. Returns undefined if it has those of
 * exactly one alternative: the mistakes in that one then explain themselves.
 */
function describeChoice(
  failed: readonly (readonly Issue[])[],
  alternatives: readonly z.core.$ZodType[],
): string | undefined {
  const objects = alternatives.flatMap((alternative) => fieldsOf(alternative) ?? []);
  const names = objects.flatMap(({ required }) => required);
  const areDistinct = new Set(names).size === names.length;
  const areStrict = objects.every(({ required, isStrict }) => isStrict && required.length > 0);
  if (objects.length < 2 || objects.length !== failed.length || !areDistinct || !areStrict) return undefined;
  // An issue does not keep the value, but each strict alternative reports the fields of the others as unknown.
  const present = new Set(failed.flat().flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : [])));
  const begun = objects.filter(({ required }) => required.some((name) => present.has(name)));
  if (begun.length === 1) return undefined;
  const forms = objects.map(({ required }) => required.map((name) => `\`${name}\``).join(' and '));
  const isPair = forms.length === 2;
  const choice = `set ${isPair ? 'either ' : 'one of '}${joinWithOr(forms)}`;
  return begun.length === 0 ? choice : `${choice}, not ${isPair ? 'both' : 'several'}`;
}

/** An alternative of a union that does not fit: its issues, and the place with the schema of this alternative alone. */
interface FailedAlternative {
  readonly issues: readonly Issue[];
  readonly place: SchemaPlace;
}

/** Returns the alternatives of a union, and those of a union inside it as alternatives of the outer one. */
function flattenUnion(alternatives: readonly (readonly Issue[])[], place: SchemaPlace): FailedAlternative[] {
  const options = optionsOf(place);
  return alternatives.flatMap((issues, index) => {
    const option = options[index];
    const own = option === undefined ? place : { ...place, schemas: [option] };
    const [issue] = issues;
    const isUnion = issues.length === 1 && issue?.code === 'invalid_union' && issue.path.length === 0;
    return isUnion && issue.errors.length > 0 ? flattenUnion(issue.errors, own) : [{ issues, place: own }];
  });
}

const isOtherType = ({ code, path }: Issue): boolean => code === 'invalid_type' && path.length === 0;

const depthOf = (problems: readonly Problem[]): number => Math.max(...problems.map(({ path }) => path.length));
