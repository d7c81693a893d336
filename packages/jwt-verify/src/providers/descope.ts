import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { baseUrlSchema, commonShape, completeRecord, listSchema, parseOptions, toList } from './preset.ts';

/** The options of {@link descope}. */
export const descopeOptions = z.strictObject({
  projectId: z.string().regex(/^\w+$/).describe('The id of the project.'),
  baseUrl: baseUrlSchema
    .default('https://api.descope.com')
    .describe('The base URL of the region, or the custom domain.'),
  audience: listSchema.optional().describe('The `aud` that the JWT template writes. Absent: any.'),
  tenants: listSchema.optional().describe('The accepted current tenants (`dct`). Absent: any, and none.'),
  tokenKinds: z
    .array(z.string().min(1))
    .min(1)
    .default(['DS'])
    .describe('The accepted `drn`: `DS` marks a session token.'),
  ...commonShape,
});

/**
 * Returns the issuer record of a Descope project, for session tokens. A user is the same principal under each form of `iss`.
 *
 * Source: Descope's session documentation, and \@descope/node-sdk 2.13.0.
 *
 * @example
 * ```ts
 * import { descope } from '@valetkey/jwt-verify/providers';
 *
 * const record = descope({ projectId: 'P2abcDEF' });
 * ```
 */
export function descope(options: z.input<typeof descopeOptions>): IssuerOptions {
  const { projectId, baseUrl, audience, tenants, tokenKinds, ...common } = parseOptions(descopeOptions, options);
  return completeRecord(
    {
      issuer: `${baseUrl}/${projectId}`,
      otherForms: [projectId, `${baseUrl}/v1/apps/${projectId}`],
      audiences: audience === undefined ? null : toList(audience),
      jwksUri: `${baseUrl}/v2/keys/${projectId}`,
      algorithms: ['RS256'],
      tokenType: 'any',
      requiredClaims: { drn: tokenKinds, ...(tenants !== undefined && { dct: toList(tenants) }) },
      scopeClaims: ['scope', 'permissions'],
      remediations: {
        drn: 'Send the session token. A token with the drn DSR is the refresh token, which must stay between the app and Descope.',
        dct: 'Sign in at an accepted tenant, or add the tenant to the option tenants.',
        wrong_audience: 'Have the JWT template of the project write this aud.',
        unknown_issuer:
          'Tokens of agentic (MCP) servers and of tenants have an iss of their own, which this record does not accept: send the session token of a user of the project.',
      },
    },
    common,
  );
}
