import { z } from 'zod';

/** A value that a claim is compared with. */
export type ClaimValue = string | number | boolean;

/** Compares one claim. Exactly one of `equals`, `in` and `contains` is present. */
export interface ClaimCondition {
  readonly claim: string;
  readonly equals?: ClaimValue | undefined;
  readonly in?: readonly ClaimValue[] | undefined;
  readonly contains?: ClaimValue | undefined;
}

/** The time of day in a time zone: from the first time on, and before the second one. */
export interface TimeCondition {
  readonly between: readonly string[];
  readonly timeZone: string;
}

/** What a rule requires of a principal. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | { readonly issuer: string }
  | { readonly scope: string }
  | ClaimCondition
  | TimeCondition;

const claimValue = z.union([z.string(), z.number(), z.boolean()]);

const claimCondition = z
  .strictObject({
    claim: z.string().min(1).max(256).describe('The name of a claim, or a path of names with dots between them.'),
    equals: claimValue.optional().describe('The claim is this value.'),
    in: z.array(claimValue).min(1).optional().describe('The claim is one of these values.'),
    contains: claimValue.optional().describe('The claim is a list that contains this value.'),
  })
  .refine(
    ({ equals, in: list, contains }) => [equals, list, contains].filter((one) => one !== undefined).length === 1,
    {
      error: 'needs exactly one of `equals`, `in` and `contains`',
    },
  );

const timeCondition = z
  .strictObject({
    between: z
      .array(z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, { error: 'must be a time such as 08:00' }))
      .length(2)
      .describe('Two times of day, such as 08:00 and 18:00. The first belongs to the span, the second does not.'),
    timeZone: z
      .string()
      .refine(isTimeZone, { error: 'must be the name of a time zone, such as Europe/Berlin or UTC' })
      .describe('The time zone of `between`.'),
  })
  .refine(({ between: [start, end] }) => start !== end, { path: ['between'], error: 'must be two different times' });

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '';
  } catch {
    return false;
  }
}

/** Parses a condition. */
export const conditionSchema: z.ZodType<Condition, Condition> = z
  .union([
    z.strictObject({
      get all() {
        return z.array(conditionSchema).min(1).describe('Every one of these conditions.');
      },
    }),
    z.strictObject({
      get any() {
        return z.array(conditionSchema).min(1).describe('At least one of these conditions.');
      },
    }),
    z.strictObject({
      get not() {
        return conditionSchema;
      },
    }),
    z.strictObject({ issuer: z.string().min(1).describe('The issuer of the token.') }),
    z.strictObject({ scope: z.string().min(1).describe('A scope that the token has.') }),
    claimCondition,
    timeCondition,
  ])
  .meta({ id: 'Condition', description: 'A condition of a rule of a policy.' });

const ruleSchema = z.strictObject({
  require: z.lazy(() => conditionSchema).describe('The condition that a principal must satisfy.'),
  operations: z
    .array(z.enum(['issue', 'proxy']))
    .min(1)
    .optional()
    .describe('The operations that the rule is about. Absent: every operation.'),
  observe: z
    .boolean()
    .default(false)
    .describe('Whether the broker only logs what the rule would have refused, and refuses nothing because of it.'),
});

/** One rule of a policy. */
export type PolicyRule = z.output<typeof ruleSchema>;

/** The policy of a connection. A request must satisfy each of its rules. */
export const policySchema = z.strictObject({
  rules: z
    .array(ruleSchema)
    .default([])
    .describe(
      'The rules that a request must satisfy, each of them. They apply in addition to `issuers`, `requiredScopes` and `requiredClaims`. [Policies](policy.md) explains the conditions.',
    ),
});

/** Returns the issuers that a condition names, with the path of each below the condition. */
export function listIssuers(condition: Condition, path: string): (readonly [path: string, issuer: string])[] {
  if ('issuer' in condition) return [[`${path}.issuer`, condition.issuer]];
  if ('not' in condition) return listIssuers(condition.not, `${path}.not`);
  const [name, parts] =
    'all' in condition
      ? (['all', condition.all] as const)
      : (['any', 'any' in condition ? condition.any : []] as const);
  return parts.flatMap((part, index) => listIssuers(part, `${path}.${name}.${index}`));
}
