import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { baseUrlSchema, commonShape, completeRecord, parseOptions } from './preset.ts';

/** The options of {@link stytch}. */
export const stytchOptions = z.strictObject({
  projectId: z
    .string()
    .regex(/^project-(test|live)-[\w-]+$/, { error: 'must begin with project-test- or project-live-' })
    .describe('The id of the project: test and live projects differ.'),
  product: z.enum(['consumer', 'b2b']).default('consumer').describe('The product of the project.'),
  baseUrl: baseUrlSchema.optional().describe("The project's custom base URL."),
  ...commonShape,
});

/**
 * Returns the issuer record of a Stytch project, for session JWTs. Tokens of Connected Apps are refused.
 *
 * Source: stytch 14.2.0 and its documentation of Connected Apps.
 *
 * @example
 * ```ts
 * import { stytch } from '@valetkey/jwt-verify/providers';
 *
 * const record = stytch({ projectId: 'project-live-11111111-2222-4333-8444-555555555555' });
 * ```
 */
export function stytch(options: z.input<typeof stytchOptions>): IssuerOptions {
  const { projectId, product, baseUrl, ...common } = parseOptions(stytchOptions, options);
  const host = projectId.startsWith('project-test-') ? 'https://test.stytch.com' : 'https://api.stytch.com';
  const session = 'https://stytch.com/session';
  return completeRecord(
    {
      issuer: `stytch.com/${projectId}`,
      otherForms: baseUrl === undefined ? [] : [baseUrl],
      audiences: [projectId],
      jwksUri: `${baseUrl ?? host}/v1/${product === 'b2b' ? 'b2b/' : ''}sessions/jwks/${projectId}`,
      algorithms: ['RS256'],
      tokenType: 'any',
      requiredHeaders: { typ: ['JWT'] },
      requiredClaims: { [session]: 'any' },
      forbiddenClaims: [{ claim: 'client_id' }],
      remediations: {
        wrong_audience: 'Send the session_jwt. Its aud is the id of the project.',
        typ: 'Send the session_jwt, whose header has the typ JWT.',
        [session]: 'Send the session_jwt. Tokens of Connected Apps and of M2M clients are not accepted.',
        client_id: 'Send the session_jwt. Tokens of Connected Apps and of M2M clients are not accepted.',
        malformed_token: 'Send the session_jwt, not the session_token, which is opaque.',
        unknown_issuer:
          'Test and live projects of Stytch have different project ids: set the one of the app. If the iss is a URL of your own, set baseUrl to it.',
      },
    },
    common,
  );
}
