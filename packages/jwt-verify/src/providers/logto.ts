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

/** The options of {@link logto}. */
export const logtoOptions = z.strictObject({
  endpoint: baseUrlSchema
    .refine((url) => !url.endsWith('/oidc'), { error: 'must be the endpoint without /oidc' })
    .describe('The endpoint, such as `https://tenant.logto.app`.'),
  audience: listSchema.describe('The indicator of the API resource.'),
  clientIds: clientIdsSchema.optional(),
  tokenType: z
    .enum(['access', 'any'])
    .default('access')
    .describe('`access` requires the type `at+jwt`, `any` also accepts access tokens without it.'),
  organizations: listSchema.optional().describe('The accepted organizations. Absent: any, and none.'),
  ...commonShape,
});

/**
 * Returns the issuer record of a Logto tenant, for access tokens of an API resource.
 *
 * Source: logto-io/logto and its "Validate access tokens".
 *
 * @example
 * ```ts
 * import { logto } from '@valetkey/jwt-verify/providers';
 *
 * const record = logto({ endpoint: 'https://tenant.logto.app', audience: 'https://api.example.com' });
 * ```
 */
export function logto(options: z.input<typeof logtoOptions>): IssuerOptions {
  const { endpoint, audience, tokenType, organizations, ...common } = parseOptions(logtoOptions, options);
  const ask = `Have the app ask for the resource ${toList(audience).join(' or ')} (\`resource\`), and send that access token.`;
  return completeRecord(
    {
      issuer: `${endpoint}/oidc`,
      audiences: toList(audience),
      jwksUri: `${endpoint}/oidc/jwks`,
      algorithms: ['ES384', 'ES256', 'ES512', 'RS256'],
      tokenType,
      accessTokenClaims: ['client_id'],
      ...(organizations !== undefined && { requiredClaims: { organization_id: toList(organizations) } }),
      remediations: {
        unknown_issuer: 'Set endpoint to the iss of the tokens without /oidc.',
        malformed_token: `Without a resource, Logto gives an opaque token. ${ask}`,
        wrong_token_type: ask,
        wrong_audience: `${ask} An organization token has another aud.`,
        organization_id: 'Ask for the token with the organization id of an accepted organization.',
      },
    },
    common,
  );
}
