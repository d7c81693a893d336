import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  baseUrlSchema,
  clientIdsSchema,
  commonShape,
  completeRecord,
  listSchema,
  parseOptions,
  toList,
} from './preset.ts';

const serverUrlSchema = baseUrlSchema.refine((url) => !url.includes('/realms/'), {
  error: 'must be the URL of the server, without /realms/ and the realm',
});

/** The options of {@link keycloak}. */
export const keycloakOptions = z.strictObject({
  url: serverUrlSchema.describe(
    'The URL of the server, such as `https://id.example.com`; before version 17 with `/auth`.',
  ),
  realm: z.string().min(1).describe('The name of the realm.'),
  audience: listSchema
    .refine((audience) => !toList(audience).includes('account'), {
      error: 'must not be account, which is in the tokens of every client of the realm; add an Audience mapper',
    })
    .describe('The value that an Audience mapper writes into `aud`.'),
  clientIds: clientIdsSchema.optional(),
  otherUrls: z
    .array(serverUrlSchema)
    .default([])
    .describe('Other URLs of the same server, whose hosts stand in `iss` if the hostname of the server is not fixed.'),
  ...commonShape,
});

/**
 * How Keycloak 26.2 and later begin the `jti` of tokens of the client-credentials grant: with the kinds of session and of
 * token. In lightweight tokens, nothing else marks them.
 */
const clientCredentialsIds = ['on', 'of', 'tr'].flatMap((session) => [`${session}rtcc:`, `${session}ltcc:`]);

/**
 * Returns the issuer record of a realm of Keycloak.
 *
 * Source: Keycloak's public issues, pull request 37439, and its `AccessTokenContext`.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { keycloak } from '@valetkey/jwt-verify/providers';
 *
 * const record = keycloak({ url: 'https://id.example.com', realm: 'main', audience: 'my-api' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function keycloak(options: z.input<typeof keycloakOptions>): IssuerOptions {
  const { url, realm, audience, otherUrls, ...common } = parseOptions(keycloakOptions, options);
  const issuerAt = (base: string): string => `${base}/realms/${encodeURIComponent(realm)}`;
  const issuer = issuerAt(url);
  const names = toList(audience).join(' or ');
  return completeRecord(
    {
      issuer,
      otherForms: otherUrls.map(issuerAt),
      audiences: toList(audience),
      jwksUri: `${issuer}/protocol/openid-connect/certs`,
      algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
      tokenType: 'any',
      clientClaims: ['azp'],
      requiredClaims: { typ: ['Bearer'] },
      // Versions before 24 write the nonce of the sign-in into access tokens.
      accessTokenMarks: [{ claim: 'typ', values: ['Bearer'] }],
      machines: {
        marks: [
          { claim: 'preferred_username', startsWith: 'service-account-' },
          { claim: 'client_id' },
          { claim: 'sub', sameAs: 'azp' },
          ...clientCredentialsIds.map((startsWith) => ({ claim: 'jti', startsWith })),
        ],
      },
      remediations: {
        wrong_audience: `Add an Audience mapper for ${names} to a client scope of the client in Keycloak.`,
        unknown_issuer: "The iss of Keycloak has the host by which the browser came: set the server's hostname.",
        malformed_subject: 'Since version 25, the client scope basic writes sub: add it to the client.',
        typ: 'Send the access token, not the ID token or refresh token.',
        wrong_token_type: 'Send the access token, not the ID token or refresh token.',
      },
    },
    common,
  );
}
