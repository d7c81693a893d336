import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { clientIdsSchema, commonShape, completeRecord, listSchema, parseOptions, toList } from './preset.ts';

/** The options of {@link hydra}. */
export const hydraOptions = z.strictObject({
  issuer: z
    .url({ protocol: /^https?$/ })
    .describe(
      'The text of `urls.self.issuer`, to the letter: a slash at the end counts. Ory Network: the project URL.',
    ),
  audience: listSchema.describe('The audience that the app asks for and the consent grants.'),
  clientIds: clientIdsSchema.optional(),
  ...commonShape,
});

/**
 * Returns the issuer record of Ory Hydra or Ory Network, for access tokens as JWTs.
 *
 * Source: ory/hydra and ory/docs.
 *
 * @example
 * ```ts
 * import { hydra } from '@valetkey/jwt-verify/providers';
 *
 * const record = hydra({ issuer: 'https://slug.projects.oryapis.com', audience: 'https://api.example.com' });
 * ```
 */
export function hydra(options: z.input<typeof hydraOptions>): IssuerOptions {
  const { issuer, audience, ...common } = parseOptions(hydraOptions, options);
  return completeRecord(
    {
      issuer,
      audiences: toList(audience),
      jwksUri: `${issuer.replace(/\/+$/, '')}/.well-known/jwks.json`,
      tokenType: 'any',
      accessTokenClaims: ['client_id'],
      scopeClaims: ['scp', 'scope'],
      remediations: {
        malformed_token:
          'Hydra gives opaque access tokens by default: set strategies.access_token to jwt, for the server or the client.',
        wrong_audience: `Have the app ask for the audience ${toList(audience).join(' or ')}, allow it for the client, and grant it with the consent.`,
        unknown_issuer: "Set issuer exactly as Hydra's urls.self.issuer: since version 2, no slash is added.",
      },
    },
    common,
  );
}
