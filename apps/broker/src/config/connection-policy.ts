import { clientCertificateSchema } from '@valetkey/vendor-clients';
import { z } from 'zod';
import { policySchema } from './policy-rules.ts';

const issuerOfClaim = z
  .string()
  .optional()
  .describe(
    'The issuer whose tokens have the claim. Required if the users of several issuers may use this connection.',
  );

const vendorUserSourceSchema = z.union([
  z.strictObject({
    claim: z
      .string()
      .min(1)
      .describe(
        "The claim of the caller's token that holds the vendor user id. `sub` means the subject of the principal. A name may be a path with dots.",
      ),
    issuer: issuerOfClaim,
  }),
  z.strictObject({
    mapping: z
      .literal(true)
      .describe(
        'The operator stores the vendor user of each principal with the admin API. The broker refuses a principal that has none.',
      ),
  }),
  z.strictObject({
    ensure: z
      .union([
        z.literal(true),
        z.strictObject({
          externalIdClaim: z
            .string()
            .min(1)
            .describe(
              "The claim of the caller's token whose value the broker sends to the vendor as the external id of the user.",
            ),
          issuer: issuerOfClaim,
        }),
      ])
      .describe(
        'On the first request of a principal, the broker finds or creates its user at the vendor, and stores the vendor user id.',
      ),
  }),
]);

/** The source of a connection's vendor users: a claim of the token, the mapping in the store, or the vendor, which creates them. */
export type VendorUserSource = z.output<typeof vendorUserSourceSchema>;

/** The fields of a connection that decide which principals may use it, and as which vendor user. */
export const connectionPolicyShape = {
  user: vendorUserSourceSchema
    .optional()
    .describe(
      'How the broker finds the vendor user of a principal: `{ claim }`, `{ mapping: true }` or `{ ensure: true }`. Absent: `ensure` for a vendor that can create users, else `mapping`.',
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
      'Whether a token of this connection must expire no later than the caller’s own token. If the vendor cannot issue such a token, the broker responds 401.',
    ),
  requiredScopes: z
    .array(z.string().min(1))
    .default([])
    .describe('The scopes that a caller’s token must have, all of them.'),
  requiredClaims: z
    .record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe(
      'The claims that a caller’s token must have, all of them. A name may be a path with dots. Each claim must equal its value here, or be a list that contains this value.',
    ),
  policy: policySchema
    .optional()
    .describe(
      'Rules that combine issuers, scopes, claims and the time of day, and what applies to operations without a rule. Absent: no such rules.',
    ),
};

/** The fields of every connection: its policy, and how the broker calls its vendor. */
export const connectionShape = {
  ...connectionPolicyShape,
  clientCertificate: clientCertificateSchema
    .optional()
    .describe(
      'The certificate with which the broker identifies itself to the vendor (mutual TLS): `{ certificate, key }`, both in PEM. Absent: the broker sends none.',
    ),
};

const connectionPolicySchema = z.object(connectionPolicyShape);

/** The rules that decide which principals may use a connection, and the source of its vendor users. */
export type ConnectionPolicy = z.output<typeof connectionPolicySchema>;

/** {@link ConnectionPolicy} as the operator writes it. */
export type ConnectionPolicyInput = z.input<typeof connectionPolicySchema>;
