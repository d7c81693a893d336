import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  anonymousShape,
  baseUrlSchema,
  commonShape,
  completeRecord,
  oauthClientRules,
  oauthClientsSchema,
  parseOptions,
} from './preset.ts';

/** The options of {@link supabase}. */
export const supabaseOptions = z.strictObject({
  url: baseUrlSchema
    .refine((url) => !url.endsWith('/auth/v1'), { error: 'must be the URL of the project without /auth/v1' })
    .describe('The URL of the project, such as `https://abcdefghijklmnopqrst.supabase.co`.'),
  oauthClients: oauthClientsSchema,
  ...anonymousShape,
  ...commonShape,
});

/**
 * Returns the issuer record of a Supabase project, for the access tokens of its sessions.
 *
 * Source: supabase/auth and the guide "JWT Signing Keys".
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { supabase } from '@valetkey/jwt-verify/providers';
 *
 * const record = supabase({ url: 'https://abcdefghijklmnopqrst.supabase.co' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function supabase(options: z.input<typeof supabaseOptions>): IssuerOptions {
  const { url, oauthClients, ...common } = parseOptions(supabaseOptions, options);
  const issuer = `${url}/auth/v1`;
  const clients = oauthClientRules(oauthClients, ['client_id']);
  const migrate =
    'Supabase project: Project Settings > JWT Keys > migrate the JWT secret to signing keys, then rotate. Users get new tokens when they next refresh.';
  return completeRecord(
    {
      issuer,
      audiences: ['authenticated'],
      jwksUri: `${issuer}/.well-known/jwks.json`,
      algorithms: ['ES256', 'RS256', 'EdDSA'],
      tokenType: 'any',
      requiredClaims: { role: ['authenticated'] },
      ...clients,
      maxLifetimeSeconds: 7 * 86_400,
      remediations: {
        ...clients.remediations,
        algorithm_not_allowed: migrate,
        unknown_issuer:
          'Send the access_token of the session. The anon and service_role keys are no tokens of a user. A local stack and a server of your own have an iss of their own: set url to the part before /auth/v1.',
        malformed_token: 'Send the access_token of the session, not a key (sb_publishable_…, sb_secret_…).',
        role: 'Send the access_token of a signed-in user: tokens of other roles, such as service_role, are not accepted.',
      },
    },
    common,
  );
}
