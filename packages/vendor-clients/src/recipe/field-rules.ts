import type { RecipeOptions } from './mint-request.ts';
import type { BodyRule, FieldRule } from './proxy-schema.ts';

/** Why a field is refused, as the end of a sentence that begins with the field. It quotes no value. */
export type FieldProblem = string;

/** Checks the value of one field. An absent field is undefined. */
export type CheckField = (value: unknown) => FieldProblem | undefined;

/** Returns the name of the option in `{options.models}`. */
export function optionNameOf(text: string): string {
  return text.slice('{options.'.length, -1);
}

/** Compiles the rule of one field for a connection. Without the option of a list, no value is allowed. */
export function compileFieldRule(rule: FieldRule, options: RecipeOptions): CheckField {
  const { never, optional } = rule;
  if (never === true) return (value) => (isAbsent(value) ? undefined : 'is not allowed');
  const checks = [compileIn(rule, options), compileMax(rule, options), compileMaxLength(rule, options)].filter(
    (check) => check !== undefined,
  );
  // The operator sets no bound.
  if (checks.length === 0) return () => undefined;
  return (value) => {
    if (isAbsent(value)) return optional === true ? undefined : 'is missing';
    for (const check of checks) {
      const problem = check(value);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function compileIn({ in: values }: FieldRule, options: RecipeOptions): CheckField | undefined {
  if (values === undefined) return undefined;
  const allowed = readLimit(values, options) ?? [];
  return (value) =>
    Array.isArray(allowed) && allowed.includes(value) ? undefined : 'has a value that the operator does not list';
}

function compileMax({ max: limit }: FieldRule, options: RecipeOptions): CheckField | undefined {
  const max = readLimit(limit, options);
  if (max === undefined) return undefined;
  const isWithin = (value: unknown): boolean =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= Number(max);
  return (value) => (isWithin(value) ? undefined : `must be a whole number of at most ${String(max)}`);
}

function compileMaxLength({ maxLength: limit }: FieldRule, options: RecipeOptions): CheckField | undefined {
  const max = readLimit(limit, options);
  if (max === undefined) return undefined;
  const isWithin = (value: unknown): boolean => typeof value === 'string' && value.length <= Number(max);
  return (value) => (isWithin(value) ? undefined : `must be a text of at most ${String(max)} characters`);
}

/** Returns a limit of a recipe, or the option that it names. */
function readLimit(limit: unknown, options: RecipeOptions): unknown {
  return typeof limit === 'string' ? options[optionNameOf(limit)] : limit;
}

/** `null` means the default to most readers of JSON, as an absent field does. */
const isAbsent = (value: unknown): boolean => value === undefined || value === null;

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

interface Refusal {
  readonly pointer: string;
  readonly problem: FieldProblem;
}

/** Checks a body. Returns the pointer of the field that is refused, and why. */
export type CheckBody = (body: unknown) => Refusal | undefined;

/** Compiles the rules of a body for a connection. */
export function compileBodyRules(rules: Readonly<Record<string, BodyRule>>, options: RecipeOptions): CheckBody {
  const checks = Object.entries(rules).map(([pointer, { each, ...rule }]) => {
    const check = each === undefined ? compileFieldRule(rule, options) : compileEach(rule, each, options);
    return { pointer, names: parsePointer(pointer), check };
  });
  return (body) => {
    for (const { pointer, names, check } of checks) {
      const found = find(body, names);
      const problem = 'problem' in found ? found.problem : check(found.value);
      if (problem !== undefined) return { pointer, problem };
    }
    return undefined;
  };
}

function compileEach(
  { optional }: FieldRule,
  { only, fields }: NonNullable<BodyRule['each']>,
  options: RecipeOptions,
): CheckField {
  const check = compileBodyRules(fields, options);
  return (value) => {
    if (isAbsent(value)) return optional === true ? undefined : 'is missing';
    if (!Array.isArray(value)) return 'must be a list';
    for (const member of value) {
      if (!isObject(member)) return 'must be a list of objects';
      const others = only === undefined ? [] : Object.keys(member).filter((name) => !only.includes(name));
      if (others.length > 0) return `may have only members with ${only?.join(', ')}`;
      const refusal = check(member);
      if (refusal !== undefined) return `has a member whose ${refusal.pointer} ${refusal.problem}`;
    }
    return undefined;
  };
}

/** Parses a JSON pointer (RFC 6901 section 4). */
function parsePointer(pointer: string): readonly string[] {
  return pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/**
 * Finds the field that a pointer names. A field with another spelling of one of its names is refused: some servers read
 * `Model`, `max_tokens` and `maxTokens` as the same field.
 */
function find(
  body: unknown,
  names: readonly string[],
): { readonly value: unknown } | { readonly problem: FieldProblem } {
  let value = body;
  for (const name of names) {
    if (isAbsent(value)) return { value: undefined };
    if (!isObject(value)) return { problem: 'is not in an object' };
    const folded = fold(name);
    if (Object.keys(value).some((other) => other !== name && fold(other) === folded)) {
      return { problem: 'has another spelling beside or instead of this one' };
    }
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return { value };
}

const fold = (name: string): string =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
