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
export const introspectionSchema = z.strictObject({
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
export const resolverSchema = z.strictObject({
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
