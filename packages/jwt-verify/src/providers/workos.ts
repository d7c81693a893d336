import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  commonShape,
  completeRecord,
  domainSchema,
  impersonationRules,
  impersonationSchema,
  listSchema,
  oauthClientRules,
  oauthClientsSchema,
  parseOptions,
  toList,
} from './preset.ts';

/** The options of {@link workos}. */
export const workosOptions = z.strictObject({
  clientId: z
    .string()
    .regex(/^client_\w+$/, { error: 'must begin with client_' })
    .describe('The client id of the environment.'),
  authDomain: domainSchema.optional().describe('The custom authentication domain, if the environment has one.'),
  sharedIssuer: z
    .boolean()
    .default(false)
    .describe('Whether `https://api.workos.com` is accepted as well, which environments from before mid-2025 write.'),
  audience: listSchema.optional().describe('The `aud` that the JWT template writes. Absent: any.'),
  impersonation: impersonationSchema,
  oauthClients: oauthClientsSchema.describe(
    'The client ids of the WorkOS Connect applications whose tokens are accepted. Absent: only sessions.',
  ),
  ...commonShape,
});

/**
 * Returns the issuer record of a WorkOS AuthKit environment. The keys of the environment separate it from others.
 *
 * Source: WorkOS's documentation of session tokens and of Connect's access tokens, and \@workos-inc/node 8.13.0.
 *
 * @example
 * ```ts
 * import { workos } from '@valetkey/jwt-verify/providers';
 *
 * const record = workos({ clientId: 'client_01ABCDEF' });
 * ```
 */
export function workos(options: z.input<typeof workosOptions>): IssuerOptions {
  const { clientId, authDomain, sharedIssuer, audience, impersonation, oauthClients, ...common } = parseOptions(
    workosOptions,
    options,
  );
  const actors = impersonationRules(impersonation);
  const clients = oauthClientRules(oauthClients, ['client_id']);
  return completeRecord(
    {
      issuer: `https://api.workos.com/user_management/${clientId}`,
      otherForms: [
        `https://api.workos.com/sso/${clientId}`,
        `https://api.workos.com/convex/${clientId}`,
        ...(sharedIssuer ? ['https://api.workos.com', 'https://api.workos.com/'] : []),
        ...(authDomain === undefined
          ? []
          : ['', '/', `/user_management/${clientId}`].map((path) => `https://${authDomain}${path}`)),
      ],
      audiences: audience === undefined ? null : toList(audience),
      jwksUri: `https://api.workos.com/sso/jwks/${clientId}`,
      algorithms: ['RS256'],
      tokenType: 'any',
      // Sessions have a sid and tokens of machines a client_id; the ID token of a Connect application has neither.
      ...(common.machines && { accessTokenClaims: ['sid', 'client_id'] }),
      scopeClaims: ['permissions'],
      ...clients,
      forbiddenClaims: [...actors.forbiddenClaims, ...clients.forbiddenClaims],
      machines: { marks: [{ claim: 'sid', absent: true }] },
      remediations: {
        wrong_token_type: 'Send the access token of the session, not an ID token.',
        ...actors.remediations,
        ...clients.remediations,
        wrong_audience: 'Have the JWT template of the environment write this aud.',
        unknown_issuer:
          'Environments from before mid-2025 write https://api.workos.com: set sharedIssuer. A custom domain: set authDomain.',
      },
    },
    common,
  );
}
