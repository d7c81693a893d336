import { z } from 'zod';
import { secureUrlSchema } from './issuer-text.ts';
import { Secret } from './credentials.ts';
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

/** Parses a secret. Accepts a `Secret` as well, so that a parsed issuer can be parsed again. */
const wrappedSecretSchema = z.union([z.instanceof(Secret), secretSchema]);

const cacheSecondsSchema = z.number().min(0).max(60);

/** The rules for DPoP tokens (RFC 9449), which are accepted only with a proof that the caller's key has signed. */
export const dpopSchema = z.strictObject({
  required: z.boolean().default(false).describe('Whether the broker refuses tokens that are not bound to a key.'),
  algorithms: z
    .array(z.enum(signatureAlgorithms))
    .min(1)
    .default(['ES256', 'EdDSA', 'Ed25519'])
    .describe('The signature algorithms that a proof may use.'),
  maxAgeSeconds: z
    .number()
    .positive()
    .max(300)
    .default(60)
    .describe('The seconds for which a proof is valid, counted from its `iat`.'),
  nonceRequired: z
    .boolean()
    .default(false)
    .describe('Whether a proof must contain a nonce from the broker (RFC 9449 section 9).'),
});

/** Back-channel logout: the provider itself tells that a user has signed out. */
export const backChannelLogoutSchema = z.strictObject({
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .describe('The client ids of which a logout token must have one in its `aud`.'),
});

/** Token introspection (RFC 7662), for opaque tokens. */
export const introspectionSchema = z.strictObject({
  endpoint: secureUrlSchema.describe('The URL of the introspection endpoint.'),
  clientId: z
    .string()
    .min(1)
    .describe('The client id with which the broker authenticates at the introspection endpoint.'),
  clientSecret: wrappedSecretSchema.describe('The secret of the client `clientId`.'),
  authentication: z
    .enum(['client_secret_basic', 'client_secret_post'])
    .default('client_secret_basic')
    .describe('How the broker sends `clientSecret` (RFC 6749 section 2.3.1).'),
  cacheSeconds: cacheSecondsSchema
    .default(10)
    .describe(
      'The seconds for which the broker caches a response. It may accept a revoked token for that long. `0` disables the cache.',
    ),
});

/** Authgear's session resolver, for opaque tokens. */
export const resolverSchema = z.strictObject({
  endpoint: secureUrlSchema.describe('The URL of the resolver endpoint.'),
  headerPrefix: z
    .string()
    .regex(/^[a-z0-9-]+-$/, { error: 'must be lower case and end with a hyphen' })
    .default('x-authgear-')
    .describe("The prefix of the headers in the resolver's responses, as in `x-authgear-user-id`."),
  cacheSeconds: cacheSecondsSchema
    .default(10)
    .describe(
      'The seconds for which the broker caches a response. It may accept the token of a user who has signed out for that long. `0` disables the cache.',
    ),
});
