import { readClaim, readTenant, type ClaimSource, type Principal } from '@valetkey/core-types';
import { z } from 'zod';
import { parseCharacters } from './character-set.ts';
import { listPlaceholders } from './placeholders.ts';
import type { Recipe, RecipeParameter } from './recipe-schema.ts';

type Parameters = Recipe['parameters'];

/** Returns the schema of one parameter, without its default. */
export function createParameterSchema({
  type,
  values,
  characters,
  min = 0,
  max,
  description,
}: RecipeParameter): z.ZodType {
  const most = max ?? (type === 'number' ? Number.MAX_SAFE_INTEGER : type === 'list' ? 100 : 1_024);
  const textSchema = () => {
    if (values !== undefined) return z.enum(values);
    const { accepts } = parseCharacters(characters ?? 'printable');
    const error = `must have 1 to ${most} of the allowed characters`;
    return z
      .string()
      .min(1)
      .max(type === 'text' ? most : 1_024)
      .refine((text) => text.isWellFormed() && accepts(text), { error });
  };
  if (type === 'number') return z.int().min(min).max(most).describe(description);
  if (type === 'flag') return z.boolean().describe(description);
  if (type === 'json') return z.json().describe(description);
  if (type === 'list') return z.array(textSchema()).max(most).describe(description);
  return textSchema().describe(description);
}

/** The parameters that a caller sends. */
export type CallerParameters = Readonly<Record<string, unknown>> & {
  /** The seconds that the token lives. */
  readonly expires_in_seconds?: number | undefined;
};

/** Returns the schema of the parameters that a caller may send. */
export function createCallerSchema(
  parameters: Parameters,
  maxLifeSeconds: number | undefined,
  minLifeSeconds = 1,
): z.ZodType<CallerParameters> {
  const shape = Object.entries(parameters)
    .filter(([, { from }]) => from === 'caller')
    .map(([name, parameter]) => [name, withDefault(createParameterSchema(parameter), parameter)] as const);
  const life = {
    expires_in_seconds: z
      .int()
      .min(minLifeSeconds)
      .max(maxLifeSeconds ?? 1)
      .optional(),
  };
  const schema: z.ZodType = z.strictObject({ ...Object.fromEntries(shape), ...(maxLifeSeconds !== undefined && life) });
  return schema as z.ZodType<CallerParameters>;
}

function withDefault(schema: z.ZodType, { default: value, optional }: RecipeParameter): z.ZodType {
  if (value !== undefined) return schema.default(value);
  return optional === true ? schema.optional() : schema;
}

const claimSchema = z.strictObject({
  claim: z
    .string()
    .min(1)
    .describe('The claim of the caller’s token whose value is used. A name may be a path with dots.'),
  issuer: z
    .string()
    .optional()
    .describe(
      'The issuer whose tokens have the claim. Required if the users of several issuers may use this connection.',
    ),
});

const namesNoUser = 'must not have {user}, because the token names no user; use {claim:sub}';

/** Returns the schema of the option `set`: the parameters that the operator sets, each as a value or from a claim. */
export function createSetSchema({ parameters, subject }: Pick<Recipe, 'parameters' | 'subject'>) {
  const shape = Object.entries(parameters)
    .filter(([, { from }]) => from === 'policy')
    .map(([name, parameter]) => {
      const schema = z
        .union([createParameterSchema(parameter), claimSchema, ...createFilledSchemas(parameter)])
        .refine((value) => subject !== undefined || !listPlaceholders(value).includes('user'), {
          error: namesNoUser,
        })
        .describe(parameter.description);
      const isRequired = parameter.default === undefined && parameter.optional !== true;
      return [name, isRequired ? schema : schema.optional()] as const;
    });
  return z.strictObject(Object.fromEntries(shape));
}

/** Returns schemas of what fits a parameter only after its placeholders are filled. What they become is checked then. */
function createFilledSchemas({ type }: RecipeParameter): z.ZodType[] {
  const filled = z.string().max(4_096).refine(hasPlaceholders);
  const list = z.array(z.string().min(1).max(1_024)).max(100).refine(hasPlaceholders);
  if (type === 'json') return [createAssertedSchema(z.json().refine(hasPlaceholders))];
  if (type === 'text') return [filled, createAssertedSchema(filled)];
  return type === 'list' ? [list, createAssertedSchema(list)] : [];
}

/** Returns the schema of a value together with the issuer whose claims stand in it. */
function createAssertedSchema(value: z.ZodType) {
  return z.strictObject({
    value: value.describe('A value in which `{user}` and `{claim:name}` stand for the caller.'),
    issuer: z.string().min(1).describe('The issuer whose tokens have the claims.'),
  });
}

function hasPlaceholders(value: unknown): boolean {
  return listPlaceholders(value).length > 0;
}

const patternForm = /^[^*{}]*(?:\{(?:user|claim:[^{}*]+)\}(?:[^*{}]+\*|[^*{}]*))?$|^[^*{}]*\*$/;
const patternSchema = z.string().min(1).max(400).regex(patternForm, {
  error:
    'must be a text with at most one {user} or {claim:name}, and at most one * at its end, with a separator between the two',
});

/** Returns the schema of the option `allow`: the values that callers may set, by parameter. */
export function createAllowSchema({ parameters, subject }: Pick<Recipe, 'parameters' | 'subject'>) {
  const namedSchema = patternSchema.refine(
    (text) => subject !== undefined || !listPlaceholders(text).includes('user'),
    {
      error: namesNoUser,
    },
  );
  const entrySchema = z.union([namedSchema, z.strictObject({ value: namedSchema, issuer: z.string().min(1) })]);
  const shape = Object.entries(parameters)
    .filter(([, { authorize }]) => authorize === true)
    .map(([name, { description }]) => [name, z.array(entrySchema).min(1).optional().describe(description)] as const);
  return z.strictObject(Object.fromEntries(shape));
}

export type SetOption = Readonly<Record<string, unknown>>;
export type AllowEntry = string | { readonly value: string; readonly issuer: string };
export type AllowOption = Readonly<Record<string, readonly AllowEntry[] | undefined>>;

/** Returns the claims that the options `set` and `allow` read. */
export function listClaims(set: SetOption, allow: AllowOption): readonly ClaimSource[] {
  const ofSet = Object.entries(set).flatMap(([name, value]) => {
    const source = claimOf(value);
    if (source !== undefined) return [{ option: `set.${name}`, ...source }];
    const { value: filled, issuer } = assertedValue(value);
    const claims = listPlaceholders(filled).filter((what) => what !== 'user');
    return claims.map((what) => ({ option: `set.${name}`, claim: what.slice('claim:'.length), issuer }));
  });
  const ofAllow = Object.entries(allow).flatMap(([name, entries = []]) =>
    entries.flatMap((entry, index) => {
      const { value, issuer } = typeof entry === 'string' ? { value: entry, issuer: undefined } : entry;
      const [, claim] = /\{claim:([^{}]+)\}/.exec(value) ?? [];
      return claim === undefined ? [] : [{ option: `allow.${name}.${index}`, claim, issuer }];
    }),
  );
  return [...ofSet, ...ofAllow];
}

/** Returns the claim that a value of `set` names. */
export function claimOf(value: unknown): { readonly claim: string; readonly issuer?: string | undefined } | undefined {
  const { success, data } = claimSchema.safeParse(value);
  return success ? data : undefined;
}

const assertedSchema = createAssertedSchema(z.json().refine(hasPlaceholders));

/** Returns a value of `set`, and the issuer whose claims stand in it if the operator names one. */
export function assertedValue(value: unknown): { readonly value: unknown; readonly issuer?: string | undefined } {
  const { success, data } = assertedSchema.safeParse(value);
  return success ? data : { value };
}

/** Returns a claim of a principal, if the principal's issuer is the one that may assert it. */
export function claimFrom(
  principal: Principal,
  { claim, issuer }: { readonly claim: string; readonly issuer?: string | undefined },
): unknown {
  if (issuer !== undefined && readTenant(issuer, principal.issuer) === undefined) return undefined;
  return claim === 'sub' ? principal.subject : readClaim(principal.claims, claim);
}

/** Returns whether a list allows a value for a principal. */
export function isAllowed(
  value: string,
  entries: readonly AllowEntry[],
  principal: Principal,
  userId: string | undefined,
): boolean {
  return entries.some((entry) => {
    const { value: pattern, issuer } = typeof entry === 'string' ? { value: entry, issuer: undefined } : entry;
    if (issuer !== undefined && readTenant(issuer, principal.issuer) === undefined) return false;
    return matches(value, pattern, (what) => ownValue(what, principal, userId));
  });
}

/** Returns what `user` or `claim:name` stands for. A claim counts only if `issuer` asserts it, if there is one. */
export function ownValue(
  what: string,
  principal: Principal | undefined,
  userId: string | undefined,
  issuer?: string,
): unknown {
  if (what === 'user') return userId;
  return principal === undefined ? undefined : claimFrom(principal, { claim: what.slice('claim:'.length), issuer });
}

/**
 * Returns whether a value fits a pattern. Behind the value of a user, `*` stands for no further separator: with
 * `team-{claim:team}-*`, the team `a` may not use `team-a-b-1`, which may belong to the team `a-b`.
 */
function matches(value: string, pattern: string, ownOf: (what: string) => unknown): boolean {
  const isPrefix = pattern.endsWith('*');
  const [, before = '', what, after = ''] = patternParts.exec(isPrefix ? pattern.slice(0, -1) : pattern) ?? [];
  const own = what === undefined ? '' : ownOf(what);
  // An empty or missing claim would open what belongs to nobody in particular.
  if (typeof own !== 'string' || (what !== undefined && own === '')) return false;
  const text = before + own + after;
  if (!isPrefix) return value === text;
  const rest = value.slice(text.length);
  return value.startsWith(text) && (what === undefined || !rest.includes(after.slice(-1)));
}

const patternParts = /^([^{]*)(?:\{([^{}]+)\})?([^{]*)$/;
