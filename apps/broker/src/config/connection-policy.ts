import { clientCertificateSchema } from '@valetkey/vendor-clients';
import { z } from 'zod';

const issuerOfClaim = z
  .string()
  .optional()
  .describe('The issuer whose claim counts. Required if the users of several issuers may use this connection.');

const vendorUserSourceSchema = z.union([
  z.strictObject({
    claim: z
      .string()
      .min(1)
      .describe('The claim that holds the vendor user id. `sub` means the subject. A name may be a path with dots.'),
    issuer: issuerOfClaim,
  }),
  z.strictObject({ mapping: z.literal(true).describe('The operator stores the vendor user of each principal.') }),
  z.strictObject({
    ensure: z
      .union([
        z.literal(true),
        z.strictObject({
          externalIdClaim: z
            .string()
            .min(1)
            .describe('The claim whose value the vendor receives as the external id of the user.'),
          issuer: issuerOfClaim,
        }),
      ])
      .describe(
        'The vendor creates a user on the first request of a principal, and the broker stores the vendor user id.',
      ),
  }),
]);

/** The source of a connection's vendor users: a claim of the token, the mapping in the store, or the vendor, which creates them. */
export type VendorUserSource = z.output<typeof vendorUserSourceSchema>;

/** The fields of a connection that decide about its callers. */
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
  boundByAppToken: z
    .boolean()
    .default(false)
    .describe(
      'Whether a token of this connection must not outlive the caller’s own token. If the vendor has no token that is short enough, the broker responds 401.',
    ),
  requiredScopes: z.array(z.string().min(1)).default([]).describe('Scopes that a caller’s token must carry.'),
  requiredClaims: z
    .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe(
      'Claims that a caller’s token must carry. A name may be a path with dots. Each claim must equal its value here, or be a list that contains this value.',
    ),
};

/** The fields of every connection: its policy, and how its vendor is called. */
export const connectionShape = {
  ...connectionPolicyShape,
  clientCertificate: clientCertificateSchema
    .optional()
    .describe('The certificate that the broker shows to the vendor (mutual TLS): `{ certificate, key }`, both in PEM.'),
};

const connectionPolicySchema = z.object(connectionPolicyShape);

/** The rules that decide which principals may use a connection, and the source of its vendor users. */
export type ConnectionPolicy = z.output<typeof connectionPolicySchema>;

/** {@link ConnectionPolicy} as the operator writes it. */
export type ConnectionPolicyInput = z.input<typeof connectionPolicySchema>;
