import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  clientIdsSchema,
  commonShape,
  completeRecord,
  domainSchema,
  listSchema,
  parseOptions,
  toList,
} from './preset.ts';

const roles = 'urn:zitadel:iam:org:project:roles';

/** The options of {@link zitadel}. */
export const zitadelOptions = z.strictObject({
  domain: domainSchema.describe('The domain of the instance, such as `instance.zitadel.cloud`.'),
  clientIds: clientIdsSchema,
  projectId: listSchema.optional().describe('The id of the project that `aud` must name. Absent: any.'),
  ...commonShape,
});

/**
 * Returns the issuer record of a ZITADEL instance, for access tokens as JWTs. `clientIds` is required, because the `aud` of
 * ZITADEL names every application of the project and whatever else was asked for.
 *
 * Source: ZITADEL's documentation of claims and tokens.
 *
 * @example
 * ```ts
 * import { zitadel } from '@valetkey/jwt-verify/providers';
 *
 * const record = zitadel({ domain: 'instance.zitadel.cloud', clientIds: '123456789012345678' });
 * ```
 */
export function zitadel(options: z.input<typeof zitadelOptions>): IssuerOptions {
  const { domain, projectId, ...common } = parseOptions(zitadelOptions, options);
  const issuer = `https://${domain}`;
  return completeRecord(
    {
      issuer,
      otherForms: [`${issuer}/`],
      audiences: projectId === undefined ? null : toList(projectId),
      jwksUri: `${issuer}/oauth/v2/keys`,
      tokenType: 'any',
      idTokenMarks: [{ claim: 'azp' }],
      scopeClaims: ['scope', roles],
      remediations: {
        unknown_issuer:
          'Set domain to the host in the iss of the tokens: the domain of the instance, or its custom domain.',
        malformed_token:
          'ZITADEL gives opaque access tokens by default: set the access-token type of the application to JWT.',
        wrong_client:
          'The aud proves nothing at ZITADEL: send a token of an application that clientIds lists, or add its client id there.',
        wrong_audience: 'Have the app ask for the scope urn:zitadel:iam:org:project:id:<project id>:aud.',
        wrong_token_type: 'Send the access token, and set its type to JWT in the application.',
      },
    },
    common,
  );
}
