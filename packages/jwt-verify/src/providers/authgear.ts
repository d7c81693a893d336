import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  anonymousShape,
  baseUrlSchema,
  clientIdsSchema,
  commonShape,
  completeRecord,
  listSchema,
  parseOptions,
  toList,
} from './preset.ts';

/** The options of {@link authgear}. */
export const authgearOptions = z
  .strictObject({
    endpoint: baseUrlSchema.describe("The project's endpoint, such as `https://project.authgear.cloud`."),
    clientId: z.string().min(1).optional().describe('The client id of the only app whose tokens are accepted.'),
    clientIds: clientIdsSchema.optional(),
    resources: listSchema
      .optional()
      .describe('The URIs of the API resources, which the tokens of machines have as `aud`.'),
    resolver: z
      .union([
        z.boolean(),
        z.strictObject({
          cacheSeconds: z
            .number()
            .min(0)
            .max(60)
            .optional()
            .describe('Seconds for which a response is cached. Default: 10.'),
        }),
      ])
      .default(false)
      .describe("Looks up opaque tokens at the project's resolver, which this process must be able to reach."),
    ...anonymousShape,
    ...commonShape,
  })
  .refine(({ clientId, clientIds }) => clientId === undefined || clientIds === undefined, {
    error: 'cannot be combined with clientIds',
    path: ['clientId'],
  });

/** The options of {@link authgear}. */
export type AuthgearOptions = z.input<typeof authgearOptions>;

/**
 * Returns the issuer record of an Authgear project that issues JWTs as access tokens (portal: "Issue JWT as access token").
 *
 * Source: Authgear's "JWT Access Token" reference: `iss` is the endpoint, `aud` its origin, RS256, `typ: at+jwt`.
 *
 * @example
 * ```ts
 * import { authgear, createJwtVerifier } from '@valetkey/jwt-verify';
 *
 * const verifier = createJwtVerifier({ issuers: [authgear({ endpoint: 'https://project.authgear.cloud' })] });
 * ```
 */
export function authgear(options: AuthgearOptions): IssuerOptions {
  const {
    endpoint: issuer,
    clientId,
    clientIds = clientId,
    resources = [],
    resolver,
    ...common
  } = parseOptions(authgearOptions, options);
  return completeRecord(
    {
      issuer,
      audiences: [new URL(issuer).origin, ...toList(resources)],
      algorithms: ['RS256'],
      jwksUri: `${issuer}/oauth2/jwks`,
      tokenType: 'access',
      machines: { marks: [{ claim: 'sub', startsWith: 'client_id_' }] },
      remediations: {
        unknown_issuer: 'Set endpoint to the iss of the tokens: the endpoint of the project, or its custom domain.',
        wrong_audience:
          'Send the access token of a signed-in user. The aud of a machine is an API resource: list it in resources if machines may call.',
        wrong_token_type:
          'Send the access token, not the ID token. The access token is a JWT if "Issue JWT as access token" is on for the app.',
        malformed_token:
          'Authgear gives opaque access tokens by default: switch on "Issue JWT as access token" for the app.',
      },
      ...(resolver !== false && {
        resolver: { endpoint: `${issuer}/_resolver/resolve`, ...(resolver !== true && resolver) },
      }),
    },
    { ...common, clientIds },
  );
}
