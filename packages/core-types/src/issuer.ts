import { z } from 'zod';
import { Secret } from './secret.ts';
import { secretSchema } from './secret-schema.ts';

/** Signature algorithms a token may use. Asymmetric only: `none` and the HS family cannot be named. */
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

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** An https URL without credentials, query or fragment; http for loopback hosts alone. */
export const secureUrlSchema = z.string().refine(
  (text) => {
    if (!URL.canParse(text)) return false;
    const url = new URL(text);
    const secure = url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname));
    return secure && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  },
  { error: 'must be an https URL without credentials, query or fragment (http is for loopback hosts alone)' },
);

/** A secret that is still text, or one that an earlier parse already wrapped. */
const wrappedSecretSchema = z.union([z.instanceof(Secret), secretSchema]);

const cacheSecondsSchema = z.number().min(0).max(60);

/** DPoP (RFC 9449): tokens bound to a key of the caller, accepted only with a proof made by that key. */
const dpopSchema = z.strictObject({
  /** Whether tokens that are not bound to a key are refused. */
  required: z.boolean().default(false),
  /** Algorithms a proof may be signed with. */
  algorithms: z.array(z.enum(signatureAlgorithms)).min(1).default(['ES256', 'EdDSA', 'Ed25519']),
  /** Seconds that a proof serves from its `iat`, at most 300. */
  maxAgeSeconds: z.number().positive().max(300).default(60),
  /** Whether a proof must carry a nonce of ours (RFC 9449, section 9). */
  nonceRequired: z.boolean().default(false),
});

/** Token introspection (RFC 7662), for tokens that are not JWTs. */
const introspectionSchema = z.strictObject({
  endpoint: secureUrlSchema,
  clientId: z.string().min(1),
  clientSecret: wrappedSecretSchema,
  /** How our client shows its secret (RFC 6749, section 2.3.1). */
  authentication: z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_basic'),
  /** Seconds that an answer is kept, at most 60: as long may a revoked token still pass. */
  cacheSeconds: cacheSecondsSchema.default(10),
});

/** A session resolver as Authgear has it, for tokens that are not JWTs. */
const resolverSchema = z.strictObject({
  endpoint: secureUrlSchema,
  /** What the names of the answer's headers begin with. */
  headerPrefix: z
    .string()
    .regex(/^[a-z0-9-]+-$/, { error: 'must be lower case and end with a hyphen' })
    .default('x-authgear-'),
  /** Seconds that an answer is kept, at most 60: as long may a signed-out session still pass. */
  cacheSeconds: cacheSecondsSchema.default(10),
});

/** The longest soft TTL of keys, and the longest time they outlive it, in seconds. */
const daySeconds = 86_400;

/**
 * One identity provider: its issuer, audiences and algorithms are one record, never independent lists, so that no
 * token of one provider is accepted for another's audience. Plain data: it can stand in a configuration file.
 */
export const issuerSchema = z
  .strictObject({
    /** The exact `iss` of its tokens. */
    issuer: secureUrlSchema,
    /** The `aud` values that mean us; `null` leaves the check out. */
    audiences: z.array(z.string().min(1)).min(1).nullable(),
    /** The `client_id` values (RFC 9068) of the apps whose tokens pass. Absent: every app of this provider. */
    clientIds: z.array(z.string().min(1)).min(1).optional(),
    algorithms: z.array(z.enum(signatureAlgorithms)).min(1).default(['RS256', 'ES256', 'EdDSA']),
    /** Where its public keys are. Absent, and without `jwks`: found by discovery (OpenID Connect, or RFC 8414). */
    jwksUri: secureUrlSchema.optional(),
    /** Its public keys themselves (a JWK Set, RFC 7517), for a provider that is never asked. */
    jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())).min(1) }).optional(),
    /**
     * Which tokens pass: `access` takes only `typ: at+jwt` (RFC 9068); `any` takes access tokens that carry no such
     * type too; `id` takes OpenID Connect ID tokens alone.
     */
    tokenType: z.enum(['access', 'any', 'id']).default('access'),
    /** Seconds that clocks may differ, at most 60. */
    clockToleranceSeconds: z.number().min(0).max(60).default(5),
    /** Longest life (`exp - iat`) a token may have, in seconds; `null` leaves the check out. */
    maxLifetimeSeconds: z.number().positive().nullable().default(daySeconds),
    /** Seconds within which a key withdrawn by the provider stops being accepted; keys are fetched again before. */
    keysSoftTtlSeconds: z.number().min(1).max(daySeconds).default(600),
    /** Seconds that known keys stay in use while the provider cannot be reached, from the last good fetch. */
    keysStaleSeconds: z
      .number()
      .min(0)
      .max(30 * daySeconds)
      .default(daySeconds),
    dpop: dpopSchema.optional(),
    introspection: introspectionSchema.optional(),
    resolver: resolverSchema.optional(),
  })
  .refine(({ jwks, jwksUri }) => jwks === undefined || jwksUri === undefined, {
    error: 'jwks and jwksUri exclude each other',
    path: ['jwks'],
  })
  .refine(({ introspection, resolver }) => introspection === undefined || resolver === undefined, {
    error: 'introspection and resolver exclude each other',
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
