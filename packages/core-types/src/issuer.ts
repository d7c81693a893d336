import { z } from 'zod';

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

/**
 * One identity provider: its issuer, audiences and algorithms are one record, never independent lists, so that no
 * token of one provider is accepted for another's audience.
 */
export const issuerSchema = z.strictObject({
  /** The exact `iss` of its tokens. */
  issuer: secureUrlSchema,
  /** The `aud` values that mean us; `null` leaves the check out. */
  audiences: z.array(z.string().min(1)).min(1).nullable(),
  algorithms: z.array(z.enum(signatureAlgorithms)).min(1).default(['RS256', 'ES256', 'EdDSA']),
  /** Where its public keys are. Absent: found by OpenID Connect discovery. */
  jwksUri: secureUrlSchema.optional(),
  /** `access` takes only `typ: at+jwt` (RFC 9068); `any` takes access tokens that carry no such type too. */
  tokenType: z.enum(['access', 'any']).default('access'),
  /** Seconds that clocks may differ, at most 60. */
  clockToleranceSeconds: z.number().min(0).max(60).default(5),
  /** Longest life (`exp - iat`) a token may have, in seconds; `null` leaves the check out. */
  maxLifetimeSeconds: z.number().positive().nullable().default(86_400),
});

/** An issuer as written in options and configuration. */
export type IssuerOptions = z.input<typeof issuerSchema>;
