import { z } from 'zod';

const scalarSchema = z.union([z.string(), z.number(), z.boolean()]);

/** A claim by its name, or by a path of names with dots between them (`firebase.sign_in_provider`). */
export const claimPathSchema = z.string().min(1);

/** The values that are accepted for a claim or header member. `any` accepts every value. */
export const acceptedValuesSchema = z.union([z.literal('any'), z.array(scalarSchema).min(1)]);

/** A list of claims, none of which is named twice. */
export const claimPathsSchema = z
  .array(claimPathSchema)
  .min(1)
  .refine((paths) => new Set(paths).size === paths.length, { error: 'must not name a claim twice' });

/** A mark is a condition on a claim, by which tokens of one kind are recognized. Without a condition, the mark applies if the token has the claim. */
export const claimMarkSchema = z
  .strictObject({
    claim: claimPathSchema.describe('The claim, by its name or by a path with dots.'),
    values: z
      .array(scalarSchema)
      .min(1)
      .optional()
      .describe('The mark applies if the claim is one of these values, or a list that contains one of them.'),
    startsWith: z
      .string()
      .min(1)
      .optional()
      .describe('The mark applies if the claim is a text that starts with this text.'),
    endsWith: z
      .string()
      .min(1)
      .optional()
      .describe('The mark applies if the claim is a text that ends with this text.'),
    sameAs: claimPathSchema.optional().describe('The mark applies if the claim is the same text as this other claim.'),
    absent: z.literal(true).optional().describe('The mark applies if the token does not have the claim.'),
  })
  .refine(
    ({ claim: _claim, ...conditions }) => Object.values(conditions).filter((value) => value !== undefined).length < 2,
    {
      error: 'may have only one of values, startsWith, endsWith, sameAs and absent',
    },
  );

/** A condition on a claim, by which tokens of one kind are recognized. */
export type ClaimMark = z.output<typeof claimMarkSchema>;

/** Parses the rule for tokens of one kind, which are refused unless the operator accepts them. */
export function tokenKindSchema(kind: string, marks: readonly ClaimMark[]) {
  return z.strictObject({
    accepted: z.boolean().default(false).describe(`Whether the broker accepts tokens of ${kind}.`),
    marks: z
      .array(claimMarkSchema)
      .default([...marks])
      .describe(`The marks by which the broker recognizes such a token. A token that has one of them is such a token.`),
  });
}

/** Marks of tokens without a person in them: the client-credentials grant (RFC 9068 section 2.2, Auth0, Entra ID). */
export const machineMarks: readonly ClaimMark[] = [
  { claim: 'gty', values: ['client-credentials', 'client_credentials'] },
  { claim: 'idtyp', values: ['app'] },
  { claim: 'sub', sameAs: 'client_id' },
];

/** Marks of anonymous users at Supabase, Firebase, Better Auth and Authgear. */
export const anonymousMarks: readonly ClaimMark[] = [
  { claim: 'is_anonymous', values: [true] },
  { claim: 'isAnonymous', values: [true] },
  { claim: 'firebase.sign_in_provider', values: ['anonymous'] },
  { claim: 'https://authgear.com/claims/user/is_anonymous', values: [true] },
];
