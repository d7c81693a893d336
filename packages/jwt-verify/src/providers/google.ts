import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { clientIdsSchema, commonShape, completeRecord, listSchema, parseOptions, toList } from './preset.ts';

/** The options of {@link google}. */
export const googleOptions = z.strictObject({
  clientIds: clientIdsSchema,
  hostedDomains: listSchema.optional().describe('The accepted Workspace domains (`hd`). Absent: every Google account.'),
  ...commonShape,
});

/**
 * Returns the issuer record of Google, for the ID tokens of "Sign in with Google". Both forms of its `iss` are accepted.
 *
 * Source: google-auth-library 10.9.1.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { google } from '@valetkey/jwt-verify/providers';
 *
 * const record = google({ clientIds: '1234-abc.apps.googleusercontent.com' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function google(options: z.input<typeof googleOptions>): IssuerOptions {
  const { clientIds, hostedDomains, ...common } = parseOptions(googleOptions, options);
  const send = "Send the ID token. Google's access tokens (ya29.…) are opaque and are meant for Google alone.";
  return completeRecord(
    {
      issuer: 'https://accounts.google.com',
      otherForms: ['accounts.google.com'],
      audiences: toList(clientIds),
      jwksUri: 'https://www.googleapis.com/oauth2/v3/certs',
      algorithms: ['RS256'],
      tokenType: 'id',
      // A service account can get an ID token for any aud.
      machines: {
        marks: [
          { claim: 'sub', sameAs: 'azp' },
          { claim: 'email', endsWith: '.gserviceaccount.com' },
          { claim: 'azp', endsWith: '.gserviceaccount.com' },
        ],
      },
      ...(hostedDomains !== undefined && { requiredClaims: { hd: toList(hostedDomains) } }),
      remediations: {
        malformed_token: send,
        unknown_issuer: 'Send an ID token of Google itself. One of Firebase needs the preset firebase.',
        wrong_token_type: send,
        wrong_audience:
          "Have the app ask for an ID token of the server's client id (on phones: the web client id), or add its own client id to clientIds.",
        hd: 'Sign in with an account of an accepted Workspace domain.',
      },
    },
    common,
  );
}
