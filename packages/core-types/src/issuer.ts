import { z } from 'zod';
import { checkIssuerForms } from './check-issuer-forms.ts';
import {
  acceptedValuesSchema,
  anonymousMarks,
  claimMarkSchema,
  claimPathSchema,
  claimPathsSchema,
  machineMarks,
  tokenKindSchema,
} from './claim-rules.ts';
import {
  backChannelLogoutSchema,
  dpopSchema,
  introspectionSchema,
  resolverSchema,
  signatureAlgorithms,
} from './issuer-parts.ts';
import { documentUrlSchema, issuerTextSchema } from './issuer-text.ts';

const daySeconds = 86_400;

/**
 * Parses the record of one identity provider. Its issuer, audiences and algorithms are in one record and not in independent
 * lists, so that a token of one provider is never accepted for the audience of another. A record is plain data, which can
 * be written in a configuration file.
 */
export const issuerSchema = z
  .strictObject({
    issuer: issuerTextSchema.describe(
      "The exact `iss` of the provider's tokens, and the issuer of their principals. With `tenants`, it contains one placeholder for the tenant, such as `{tenantid}`.",
    ),
    otherForms: z
      .array(issuerTextSchema)
      .default([])
      .describe(
        'Other `iss` values that the same provider uses. A user is the same principal under each of them, because the issuer of the principal is always `issuer`.',
      ),
    tenants: z
      .strictObject({
        claim: z.string().min(1).default('tid').describe('The claim that must have the tenant of `iss` as its value.'),
        accepted: z
          .union([z.literal('any'), z.array(z.string().min(1)).min(1)])
          .describe(
            'The tenants whose tokens the broker accepts. `any` accepts every tenant of the provider, also those of other companies.',
          ),
      })
      .optional()
      .describe(
        'The tenants for which the placeholder in `issuer` stands. Each tenant is an issuer of its own. Absent: the provider has one issuer.',
      ),
    metadataUri: documentUrlSchema
      .optional()
      .describe(
        "The URL of the provider's metadata. Absent: the broker looks for the metadata at the standard paths below `issuer`.",
      ),
    metadataIssuer: issuerTextSchema
      .optional()
      .describe('The value of `issuer` that the metadata must have. Absent: the `issuer` of this record.'),
    audiences: z
      .array(z.string().min(1))
      .min(1)
      .nullable()
      .describe('The audiences of which a token must have one in its `aud`. `null` disables the check.'),
    clientIds: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'The client ids of the apps whose tokens the broker accepts. Absent: it accepts the tokens of every app.',
      ),
    clientClaims: claimPathsSchema
      .default(['client_id'])
      .describe(
        'The claims that name the app: `client_id` (RFC 9068), `azp`, `appid` or `cid`. A token must have one of them, and each that it has must be among `clientIds`.',
      ),
    clientOptional: z
      .boolean()
      .default(false)
      .describe('Whether the broker also accepts tokens that have none of `clientClaims` although `clientIds` is set.'),
    requiredClaims: z
      .record(z.string().min(1), acceptedValuesSchema)
      .default({})
      .describe(
        'The claims that every token must have, each with a list of its accepted values, or with `any` for every value. A name may be a path with dots. If the claim of a token is a list, it must contain an accepted value.',
      ),
    forbiddenClaims: z
      .array(claimMarkSchema)
      .default([])
      .describe(
        'The marks that no token may have. A mark is a condition on a claim. A mark that names only a claim forbids this claim, whatever its value.',
      ),
    requiredHeaders: z
      .record(z.string().min(1), acceptedValuesSchema)
      .default({})
      .describe(
        "The members that the token's header must have, each with a list of its accepted values, or with `any` for every value.",
      ),
    forbiddenHeaders: z
      .array(z.string().min(1))
      .default([])
      .describe("The members that the token's header must not have."),
    subjectClaims: claimPathsSchema
      .default(['sub'])
      .describe(
        'The claim that is the subject of the principal, or several claims, whose values are joined with colons. A change makes every user a new principal.',
      ),
    scopeClaims: claimPathsSchema
      .optional()
      .describe(
        'The claims that hold scopes: a text with spaces (or commas, in claims other than `scope` and `scp`), a list, or an object whose names are the scopes. Absent: `scope`, else `scp`.',
      ),
    algorithms: z
      .array(z.enum(signatureAlgorithms))
      .min(1)
      .default(['RS256', 'ES256', 'ES384', 'EdDSA'])
      .describe("The signature algorithms that the provider's tokens may use."),
    jwksUri: documentUrlSchema
      .optional()
      .describe(
        "The URL of the provider's public keys. Absent: the broker uses `jwks`, or finds the URL by discovery (OpenID Connect, or RFC 8414).",
      ),
    jwks: z
      .strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1).describe('The public keys as JWKs.') })
      .optional()
      .describe("The provider's public keys as a JWK Set (RFC 7517), so that the broker never fetches keys."),
    tokenType: z
      .enum(['access', 'any', 'id'])
      .default('access')
      .describe(
        'Which tokens are accepted: `access` requires `typ: at+jwt` (RFC 9068); `any` also accepts access tokens without that type; `id` accepts only OpenID Connect ID tokens.',
      ),
    idTokenMarks: z
      .array(claimMarkSchema)
      .default([])
      .describe('Further marks of ID tokens. With `tokenType: any`, the broker refuses a token that has one of them.'),
    accessTokenClaims: z
      .array(claimPathSchema)
      .default([])
      .describe(
        "Claims of which each of the provider's access tokens has at least one. With `tokenType: any`, the broker refuses a token that has none of them, unless its header has `typ: at+jwt`.",
      ),
    accessTokenMarks: z
      .array(claimMarkSchema)
      .default([])
      .describe(
        'Marks of access tokens, for providers that write the `nonce` of the sign-in into them: a token with one of these marks may have a `nonce`, by which `tokenType: any` otherwise recognizes an ID token.',
      ),
    machines: tokenKindSchema('machines, in which there is no person', machineMarks)
      .extend({
        subjectClaims: claimPathsSchema
          .optional()
          .describe(
            'The claims whose values, after `machine:`, are the subject of a machine. Absent: the subject is that of `subjectClaims` of the record. A change makes every machine a new principal.',
          ),
      })
      .prefault({})
      .describe('The rule for tokens that an identity provider issued to a machine for itself (client credentials).'),
    anonymous: tokenKindSchema('anonymous users', anonymousMarks)
      .prefault({})
      .describe('The rule for tokens of users who have not signed in.'),
    remediations: z
      .record(z.string().min(1), z.string().min(1))
      .default({})
      .describe(
        'Your own remediations for refused tokens, each under the `reason` of the refusal, or under the name of the claim or header member. The caller receives it in place of the usual `remediation`.',
      ),
    clockToleranceSeconds: z
      .number()
      .min(0)
      .max(60)
      .default(5)
      .describe("The seconds by which the provider's clock and the broker's clock may differ."),
    maxLifetimeSeconds: z
      .number()
      .positive()
      .nullable()
      .default(daySeconds)
      .describe('The highest `exp - iat` of a token, in seconds, that the broker accepts. `null` disables the check.'),
    keysSoftTtlSeconds: z
      .number()
      .min(1)
      .max(daySeconds)
      .default(600)
      .describe(
        'The seconds after which the broker fetches the keys again. After that time it refuses a key that the provider has withdrawn, if the provider responds.',
      ),
    keysStaleSeconds: z
      .number()
      .min(0)
      .max(30 * daySeconds)
      .default(daySeconds)
      .describe(
        'The seconds, counted from the last successful fetch, for which the broker uses the known keys while the provider is unreachable.',
      ),
    dpop: dpopSchema
      .optional()
      .describe('The rules for DPoP tokens (RFC 9449). Absent: a token that is bound to a key is refused.'),
    backChannelLogout: backChannelLogoutSchema
      .optional()
      .describe(
        'Accepts logout tokens of the provider (OpenID Connect Back-Channel Logout 1.0), which revoke the tokens of a user or of a session. Absent: logout tokens are refused.',
      ),
    introspection: introspectionSchema
      .optional()
      .describe(
        'Looks up opaque tokens by introspection (RFC 7662). Absent, without `resolver`: the broker refuses opaque tokens.',
      ),
    resolver: resolverSchema
      .optional()
      .describe(
        "Looks up opaque tokens at a session resolver such as Authgear's. Absent, without `introspection`: the broker refuses opaque tokens.",
      ),
  })
  .superRefine(checkIssuerForms)
  .refine(({ jwks, jwksUri }) => jwks === undefined || jwksUri === undefined, {
    error: 'cannot be combined with jwksUri',
    path: ['jwks'],
  })
  .refine(({ jwks, jwksUri, metadataUri }) => metadataUri === undefined || (jwks ?? jwksUri) === undefined, {
    error: 'cannot be combined with jwks or jwksUri',
    path: ['metadataUri'],
  })
  .refine(({ introspection, resolver }) => introspection === undefined || resolver === undefined, {
    error: 'cannot be combined with introspection',
    path: ['resolver'],
  })
  .refine(({ keysSoftTtlSeconds, keysStaleSeconds }) => keysStaleSeconds >= keysSoftTtlSeconds, {
    error: 'must not be less than keysSoftTtlSeconds',
    path: ['keysStaleSeconds'],
  });

/** An issuer as written in options and configuration. */
export type IssuerOptions = z.input<typeof issuerSchema>;

/** An issuer with its defaults filled in. */
export type Issuer = z.output<typeof issuerSchema>;

/**
 * An identity provider that is given by the name of its preset, with the options of this preset, as in the broker's
 * configuration. This package knows no preset: `issuerRecord` of `@valetkey/jwt-verify` checks the name and the options, and
 * returns the {@link IssuerOptions}.
 */
export interface ProviderIssuer {
  readonly provider: string;
  readonly [option: string]: unknown;
}
