import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  clientIdsSchema,
  commonShape,
  completeRecord,
  domainSchema,
  listSchema,
  parseOptions,
  toList,
} from './preset.ts';

/** The longest life of an access token at Auth0. */
const monthSeconds = 30 * 86_400;

/** The options of {@link auth0}. */
export const auth0Options = z.strictObject({
  domain: domainSchema.describe('The domain at which users sign in, such as `tenant.eu.auth0.com` or a custom domain.'),
  otherDomains: z.array(domainSchema).default([]).describe('Other domains at which the same users sign in.'),
  audience: listSchema.describe('The identifier of your API in Auth0.'),
  clientIds: clientIdsSchema.optional(),
  ...commonShape,
});

/**
 * Returns the issuer record of an Auth0 tenant, for access tokens of your API.
 *
 * Source: Auth0's access-token profiles and "Validate access tokens".
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { auth0 } from '@valetkey/jwt-verify/providers';
 *
 * const record = auth0({ domain: 'tenant.eu.auth0.com', audience: 'https://api.example.com' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function auth0(options: z.input<typeof auth0Options>): IssuerOptions {
  const { domain, otherDomains, audience, ...common } = parseOptions(auth0Options, options);
  const ask = `Have the app ask for the audience ${toList(audience).join(' or ')} when it signs the user in, and send the access token.`;
  const noIdToken = `${ask} An ID token, whose aud is the client id of the app, is not accepted.`;
  return completeRecord(
    {
      issuer: `https://${domain}/`,
      otherForms: otherDomains.map((other) => `https://${other}/`),
      audiences: toList(audience),
      jwksUri: `https://${domain}/.well-known/jwks.json`,
      algorithms: ['RS256', 'PS256'],
      tokenType: 'any',
      clientClaims: ['azp', 'client_id'],
      accessTokenClaims: ['azp', 'client_id'],
      scopeClaims: ['scope', 'permissions'],
      maxLifetimeSeconds: monthSeconds,
      machines: {
        marks: [
          { claim: 'gty', values: ['client-credentials'] },
          { claim: 'sub', endsWith: '@clients' },
          { claim: 'sub', absent: true },
          { claim: 'sub', sameAs: 'azp' },
          { claim: 'sub', sameAs: 'client_id' },
        ],
      },
      remediations: {
        wrong_audience: noIdToken,
        wrong_token_type: noIdToken,
        encrypted_token: `Auth0 encrypts the token of an app that asks for no audience. ${ask}`,
        malformed_token: `Auth0 gives an opaque token to an app that asks for no audience. ${ask}`,
        algorithm_not_allowed: 'Set the signing algorithm of the API in Auth0 to RS256.',
        unknown_issuer:
          'The iss of Auth0 is the domain at which the user signed in, with a slash at the end: name each custom domain in otherDomains.',
      },
    },
    common,
  );
}
