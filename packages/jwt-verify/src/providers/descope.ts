import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  baseUrlSchema,
  commonShape,
  completeRecord,
  impersonationRules,
  impersonationSchema,
  listSchema,
  oauthClientRules,
  oauthClientsSchema,
  parseOptions,
  toList,
} from './preset.ts';

const defaultBaseUrl = 'https://api.descope.com';

/** The options of {@link descope}. */
export const descopeOptions = z.strictObject({
  projectId: z.string().regex(/^\w+$/).describe('The id of the project.'),
  baseUrl: baseUrlSchema.default(defaultBaseUrl).describe('The base URL of the region, or the custom domain.'),
  audience: listSchema.optional().describe('The `aud` that the JWT template writes. Absent: any.'),
  tenants: listSchema.optional().describe('The accepted current tenants (`dct`). Absent: any, and none.'),
  tokenKinds: z
    .union([z.literal('any'), z.array(z.string().min(1)).min(1)])
    .default(['DS'])
    .describe('The accepted `drn`: `DS` marks a session token. `any` accepts each, and tokens without `drn` too.'),
  oauthClients: oauthClientsSchema,
  impersonation: impersonationSchema,
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
  const { projectId, baseUrl, audience, tenants, tokenKinds, oauthClients, impersonation, ...common } = parseOptions(
    descopeOptions,
    options,
  );
  const actors = impersonationRules(impersonation);
  const clients = oauthClientRules(oauthClients, ['client_id', 'azp']);
  const formsAt = (host: string): string[] => [
    `${host}/${projectId}`,
    `${host}/v1/apps/${projectId}`,
    ...toList(tenants ?? []).map((tenant) => `${host}/v1/apps/${projectId}/${tenant}`),
  ];
  // The issuer of the principals is the same in each region and with each custom domain.
  const [issuer = '', ...otherForms] = [
    ...formsAt(defaultBaseUrl),
    ...(baseUrl === defaultBaseUrl ? [] : formsAt(baseUrl)),
  ];
  return completeRecord(
    {
      issuer,
      otherForms: [...otherForms, projectId],
      audiences: audience === undefined ? null : toList(audience),
      jwksUri: `${baseUrl}/v2/keys/${projectId}`,
      algorithms: ['RS256'],
      tokenType: 'any',
      requiredClaims: {
        ...(tokenKinds !== 'any' && { drn: tokenKinds }),
        ...(tenants !== undefined && { dct: toList(tenants) }),
      },
      ...clients,
      forbiddenClaims: [...actors.forbiddenClaims, ...clients.forbiddenClaims],
      scopeClaims: ['scope', 'permissions'],
      // The ids of access keys, for which machines get session tokens, begin with K, and those of users with U.
      machines: {
        marks: [
          { claim: 'sub', startsWith: 'K' },
          { claim: 'sub', sameAs: 'client_id' },
          { claim: 'sub', sameAs: 'azp' },
        ],
      },
      remediations: {
        ...actors.remediations,
        ...clients.remediations,
        drn: 'Send the session token. A token with the drn DSR is the refresh token, which must stay between the app and Descope.',
        dct: 'Sign in at an accepted tenant, or add the tenant to the option tenants.',
        wrong_audience: 'Have the JWT template of the project write this aud.',
        unknown_issuer:
          'Tokens of agentic (MCP) servers have an iss of their own, which this record does not accept. Tokens of tenants have one too: list the tenants in tenants. For another region or a custom domain, set baseUrl.',
      },
    },
    common,
  );
}
