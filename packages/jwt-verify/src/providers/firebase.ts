import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { anonymousShape, commonShape, completeRecord, listSchema, parseOptions, toList } from './preset.ts';

/** The options of {@link firebase}. */
export const firebaseOptions = z.strictObject({
  projectId: z
    .string()
    .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, { error: 'must be the id of the project, not its number or name' })
    .refine((id) => id !== 'undefined', { error: 'is the text "undefined": the variable behind it is not set' })
    .describe('The id of the project: not its number or its name.'),
  tenants: listSchema.optional().describe('The accepted tenants of Identity Platform. Absent: any, and none.'),
  ...anonymousShape,
  ...commonShape,
});

/**
 * Returns the issuer record of a Firebase project, for the ID tokens of its users (`getIdToken()`).
 *
 * Source: "Verify ID tokens" and firebase-admin 13.10.0.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { firebase } from '@valetkey/jwt-verify/providers';
 *
 * const verifier = createJwtVerifier({ issuers: [firebase({ projectId: 'my-project' })] });
 * ```
 */
export function firebase(options: z.input<typeof firebaseOptions>): IssuerOptions {
  const { projectId, tenants, ...common } = parseOptions(firebaseOptions, options);
  const send = 'Send the ID token that `getIdToken()` returns in the app.';
  return completeRecord(
    {
      issuer: `https://securetoken.google.com/${projectId}`,
      audiences: [projectId],
      jwksUri: 'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
      algorithms: ['RS256'],
      tokenType: 'id',
      requiredClaims: {
        auth_time: 'any',
        ...(tenants !== undefined && { 'firebase.tenant': toList(tenants) }),
        // It shows whether the user is anonymous.
        'firebase.sign_in_provider': 'any',
      },
      remediations: {
        unknown_issuer: `${send} Custom tokens, session cookies, App Check tokens and Google's own ID tokens are not accepted.`,
        wrong_audience: `${send} It must be of the project ${projectId}.`,
        wrong_token_type: send,
        auth_time: send,
        'firebase.sign_in_provider': send,
        'firebase.tenant': 'Sign in at an accepted tenant, or add the tenant to the option tenants.',
      },
    },
    common,
  );
}
