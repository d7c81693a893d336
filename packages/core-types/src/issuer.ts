import { z } from 'zod';
import {
  acceptedValuesSchema,
  anonymousMarks,
  claimMarkSchema,
  claimPathsSchema,
  machineMarks,
  tokenKindSchema,
} from './claim-rules.ts';
import { hasOnePlaceholder, hasPlaceholder } from './issuer-forms.ts';
import { dpopSchema, introspectionSchema, resolverSchema, signatureAlgorithms } from './issuer-parts.ts';
import { documentUrlSchema, issuerTextSchema, secureUrlSchema } from './issuer-text.ts';

const daySeconds = 86_400;

interface IssuerForms {
  readonly issuer: string;
  readonly otherForms: readonly string[];
  readonly tenants?: object | undefined;
  readonly metadataUri?: string | undefined;
  readonly jwksUri?: string | undefined;
  readonly jwks?: object | undefined;
  readonly introspection?: object | undefined;
  readonly resolver?: object | undefined;
}

/** Checks that the placeholders fit `tenants`, and that an issuer can be fetched if its metadata is sought below it. */
function checkIssuerForms(record: IssuerForms, context: z.RefinementCtx): void {
  const { issuer, otherForms, tenants } = record;
  const report = (path: PropertyKey[], message: string): void => {
    context.addIssue({ code: 'custom', path, message });
  };
  const forms: [string, PropertyKey[]][] = [
    [issuer, ['issuer']],
    ...otherForms.map((form, index): [string, PropertyKey[]] => [form, ['otherForms', index]]),
  ];
  for (const [form, path] of forms) {
    if (tenants === undefined && hasPlaceholder(form)) {
      report(path, 'contains braces: write the exact iss of the tokens, or list the tenants in tenants');
    }
    if (tenants !== undefined && !hasOnePlaceholder(form)) {
      report(path, 'must contain one placeholder, such as {tenantid}, and no other braces, because tenants is set');
    }
  }
  if (new Set([issuer, ...otherForms]).size <= otherForms.length) report(['otherForms'], 'must not name an iss twice');
  if (tenants !== undefined && (record.introspection !== undefined || record.resolver !== undefined)) {
    report(['tenants'], 'cannot be combined with introspection or a resolver, because an opaque token names no tenant');
  }
  if (record.jwks !== undefined || record.jwksUri !== undefined || record.metadataUri !== undefined) return;
  if (tenants === undefined && secureUrlSchema.safeParse(issuer).success) return;
  report(['issuer'], 'must be an https URL without query, or have jwksUri, jwks or metadataUri beside it');
}

/**
 * Parses the record of one identity provider. Its issuer, audiences and algorithms are in one record and not in independent
 * lists, so that a token of one provider is never accepted for the audience of another. A record is plain data, which can
 * be written in a configuration file.
 */
export const issuerSchema = z
  .strictObject({
    issuer: issuerTextSchema.describe(
      "The exact `iss` of the provider's tokens, and the issuer of their principals. With `tenants`, it contains one placeholder, such as `{tenantid}`.",
    ),
    otherForms: z
      .array(issuerTextSchema)
      .default([])
      .describe(
        'Other `iss` values of the same provider. A user is the same principal under each: the issuer is always `issuer`.',
      ),
    tenants: z
      .strictObject({
        claim: z.string().min(1).default('tid').describe('The claim that must be equal to the tenant in `iss`.'),
        accepted: z
          .union([z.literal('any'), z.array(z.string().min(1)).min(1)])
          .describe("The accepted tenants. `any` accepts every tenant of the provider, also other companies'."),
      })
      .optional()
      .describe('The tenants that the placeholder in `issuer` stands for. Each tenant is an issuer of its own.'),
    metadataUri: documentUrlSchema
      .optional()
      .describe("The URL of the provider's metadata. Absent: it is below `issuer`, where the standards put it."),
    metadataIssuer: issuerTextSchema
      .optional()
      .describe('The `issuer` that the metadata must name. Absent: the `issuer` of this record.'),
    audiences: z
      .array(z.string().min(1))
      .min(1)
      .nullable()
      .describe('The accepted `aud` values: a token must name one of them. `null` disables the check.'),
    clientIds: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('The client ids of the apps whose tokens are accepted. Absent: tokens of every app are accepted.'),
    clientClaims: claimPathsSchema
      .default(['client_id'])
      .describe(
        'The claims that name the app: `client_id` (RFC 9068), `azp`, `appid` or `cid`. A token must have one of them, and each that it has must be among `clientIds`.',
      ),
    clientOptional: z.boolean().default(false).describe('Whether `clientIds` also lets tokens pass that name no app.'),
    requiredClaims: z
      .record(z.string().min(1), acceptedValuesSchema)
      .default({})
      .describe(
        'Claims that every token must carry, with their accepted values, or `any`. A name may be a path with dots. A list must contain an accepted value.',
      ),
    forbiddenClaims: z
      .array(claimMarkSchema)
      .default([])
      .describe(
        'Marks that no token may have. A mark is a condition on a claim; without a condition, the claim must be absent.',
      ),
    requiredHeaders: z
      .record(z.string().min(1), acceptedValuesSchema)
      .default({})
      .describe("Members that the token's header must have, with their accepted values, or `any`."),
    forbiddenHeaders: z.array(z.string().min(1)).default([]).describe("Members that the token's header must not have."),
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
      .describe('Further marks by which `tokenType: any` recognizes an ID token and refuses it.'),
    accessTokenMarks: z
      .array(claimMarkSchema)
      .default([])
      .describe(
        'Marks of access tokens, for providers that write the `nonce` of the sign-in into them: a token with one of these marks may have a `nonce`, by which `tokenType: any` otherwise recognizes an ID token.',
      ),
    machines: tokenKindSchema('machines, in which there is no person', machineMarks)
      .prefault({})
      .describe('Tokens that a machine got for itself (client credentials).'),
    anonymous: tokenKindSchema('anonymous users', anonymousMarks)
      .prefault({})
      .describe('Tokens of users who have not signed in.'),
    remediations: z
      .record(z.string().min(1), z.string().min(1))
      .default({})
      .describe(
        'Remediations of your own for refused tokens, by the `reason` of the refusal or by the name of the claim or header member. Each replaces the usual `remediation`, which the caller receives.',
      ),
    clockToleranceSeconds: z
      .number()
      .min(0)
      .max(60)
      .default(5)
      .describe("Seconds by which the provider's clock and the broker's clock may differ."),
    maxLifetimeSeconds: z
      .number()
      .positive()
      .nullable()
      .default(daySeconds)
      .describe('The longest `exp - iat` of a token, in seconds. `null` disables the check.'),
    keysSoftTtlSeconds: z
      .number()
      .min(1)
      .max(daySeconds)
      .default(600)
      .describe(
        'Seconds after which the keys are fetched again. A key that the provider has withdrawn is refused after that time.',
      ),
    keysStaleSeconds: z
      .number()
      .min(0)
      .max(30 * daySeconds)
      .default(daySeconds)
      .describe(
        'Seconds for which known keys are used while the provider is unreachable, counted from the last successful fetch.',
      ),
    dpop: dpopSchema.optional().describe('Accepts DPoP tokens (RFC 9449).'),
    introspection: introspectionSchema.optional().describe('Looks up opaque tokens by introspection (RFC 7662).'),
    resolver: resolverSchema.optional().describe("Looks up opaque tokens at a session resolver such as Authgear's."),
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
