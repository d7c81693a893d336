import { z } from 'zod';
import { isLoopbackHost } from './loopback.ts';
import { Secret } from './secret.ts';
import { secretSchema } from './secret-schema.ts';

/** The signature algorithms that may be configured. All are asymmetric: `none` and the HS family are not in the list. */
export const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

export type SignatureAlgorithm = (typeof signatureAlgorithms)[number];

/** Parses an https URL without credentials, query and fragment. Only loopback hosts may use http. */
export const secureUrlSchema = z
  .string()
  .refine(
    (text) => {
      if (!URL.canParse(text)) return false;
      const url = new URL(text);
      const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
      return secure && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
    },
    { error: 'must be an https URL without credentials, query or fragment (only loopback hosts may use http)' },
  )
  // For editors: a JSON Schema cannot contain the check above.
  .meta({ pattern: String.raw`^[Hh][Tt][Tt][Pp][Ss]?://[^?#\s]+$` });

/** Parses a secret. Accepts a `Secret` as well, so that a parsed issuer can be parsed again. */
const wrappedSecretSchema = z.union([z.instanceof(Secret), secretSchema]);

const cacheSecondsSchema = z.number().min(0).max(60);

/** The rules for DPoP tokens (RFC 9449), which are accepted only with a proof that the caller's key has signed. */
const dpopSchema = z.strictObject({
  required: z.boolean().default(false).describe('Whether tokens that are not bound to a key are refused.'),
  algorithms: z
    .array(z.enum(signatureAlgorithms))
    .min(1)
    .default(['ES256', 'EdDSA', 'Ed25519'])
    .describe('Signature algorithms that a proof may use.'),
  maxAgeSeconds: z.number().positive().max(300).default(60).describe('Seconds that a proof is valid from its `iat`.'),
  nonceRequired: z
    .boolean()
    .default(false)
    .describe('Whether a proof must contain a nonce from the server (RFC 9449 section 9).'),
});

/** Token introspection (RFC 7662), for opaque tokens. */
const introspectionSchema = z.strictObject({
  endpoint: secureUrlSchema.describe('The introspection endpoint.'),
  clientId: z
    .string()
    .min(1)
    .describe('The client id with which the broker authenticates at the introspection endpoint.'),
  clientSecret: wrappedSecretSchema.describe('The client secret for `clientId`.'),
  authentication: z
    .enum(['client_secret_basic', 'client_secret_post'])
    .default('client_secret_basic')
    .describe('How the broker sends `clientSecret` (RFC 6749 section 2.3.1).'),
  cacheSeconds: cacheSecondsSchema
    .default(10)
    .describe('Seconds for which a response is cached. A revoked token may be accepted for that long.'),
});

/** Authgear's session resolver, for opaque tokens. */
const resolverSchema = z.strictObject({
  endpoint: secureUrlSchema.describe('The resolver endpoint.'),
  headerPrefix: z
    .string()
    .regex(/^[a-z0-9-]+-$/, { error: 'must be lower case and end with a hyphen' })
    .default('x-authgear-')
    .describe("The prefix of the resolver's response headers."),
  cacheSeconds: cacheSecondsSchema
    .default(10)
    .describe(
      'Seconds for which a response is cached. The token of a user who has signed out may be accepted for that long.',
    ),
});

const daySeconds = 86_400;

/**
 * Parses the record of one identity provider. Its issuer, audiences and algorithms are in one record and not in independent
 * lists, so that a token of one provider is never accepted for the audience of another. A record is plain data, which can
 * be written in a configuration file.
 */
export const issuerSchema = z
  .strictObject({
    issuer: secureUrlSchema.describe("The exact `iss` of the provider's tokens."),
    audiences: z
      .array(z.string().min(1))
      .min(1)
      .nullable()
      .describe('The accepted `aud` values: a token must name one of them. `null` disables the check.'),
    clientIds: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'The `client_id` values (RFC 9068) of the apps whose tokens are accepted. Absent: tokens of every app are accepted.',
      ),
    algorithms: z
      .array(z.enum(signatureAlgorithms))
      .min(1)
      .default(['RS256', 'ES256', 'EdDSA'])
      .describe("The signature algorithms that the provider's tokens may use."),
    jwksUri: secureUrlSchema
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
  .refine(({ jwks, jwksUri }) => jwks === undefined || jwksUri === undefined, {
    error: 'cannot be combined with jwksUri',
    path: ['jwks'],
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
 * An identity provider that is given by name, with its settings. `issuerRecord` of `@valetkey/jwt-verify` returns its
 * {@link IssuerOptions}.
 */
export interface ProviderIssuer {
  readonly provider: 'authgear';
  /** The project's endpoint, which is also the issuer of its tokens. */
  readonly endpoint: string;
  /** Accepts only tokens that were issued to this client id. Absent: accepts tokens of every client. */
  readonly clientId?: string | undefined;
  /** Looks up opaque tokens at the project's resolver. Absent: opaque tokens are refused. */
  readonly resolver?: { readonly cacheSeconds?: number | undefined } | undefined;
}
