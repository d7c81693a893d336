import { z } from 'zod';

const issuerOfClaim = z
  .string()
  .optional()
  .describe('The issuer whose claim counts. Required where several identity providers are configured.');

const vendorUserSourceSchema = z.union([
  z.strictObject({
    claim: z.string().min(1).describe('The claim that holds the vendor user id; `sub` for the subject.'),
    issuer: issuerOfClaim,
  }),
  z.strictObject({ mapping: z.literal(true).describe('The operator stores the vendor user of each person.') }),
  z.strictObject({
    ensure: z
      .union([
        z.literal(true),
        z.strictObject({
          externalIdClaim: z
            .string()
            .min(1)
            .describe('The claim that holds the id under which the vendor already knows its users.'),
          issuer: issuerOfClaim,
        }),
      ])
      .describe('The vendor creates a user at the first request, and the broker stores it.'),
  }),
]);

/** Where the vendor users of a connection come from: a claim of the token, the stored mapping, or the vendor, which creates them. */
export type VendorUserSource = z.output<typeof vendorUserSourceSchema>;

/** The fields of a connection that the broker itself reads, beside the vendor's own options. */
export const connectionPolicyShape = {
  user: vendorUserSourceSchema
    .optional()
    .describe(
      'Where vendor users come from: `{ claim }`, `{ mapping: true }` or `{ ensure: true }`. Default: `ensure` for a vendor that can create users, else `mapping`.',
    ),
  issuers: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('The issuers whose users may use this connection. Absent: the users of every issuer.'),
  requiredScopes: z
    .array(z.string().min(1))
    .default([])
    .describe('Scopes that a caller’s token must carry to use this connection.'),
  requiredClaims: z
    .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe('Claims that a caller’s token must carry, each with exactly this value or as a list that contains it.'),
};

const connectionPolicySchema = z.object(connectionPolicyShape);

/** Who may use a connection, and as which vendor user. */
export type ConnectionPolicy = z.output<typeof connectionPolicySchema>;

/** {@link ConnectionPolicy} as the operator writes it. */
export type ConnectionPolicyInput = z.input<typeof connectionPolicySchema>;
