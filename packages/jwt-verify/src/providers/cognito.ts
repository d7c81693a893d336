import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import { clientIdsSchema, commonShape, completeRecord, listSchema, parseOptions, toList } from './preset.ts';

/** The options of {@link cognito}. */
export const cognitoOptions = z.strictObject({
  userPoolId: z
    .string()
    .regex(/^[a-z]{2,4}(-[a-z]+)+-\d_[A-Za-z0-9]+$/, {
      error: 'must be the id of a user pool, such as eu-central-1_AbCdEfGhI',
    })
    .describe('The id of the user pool, such as `eu-central-1_AbCdEfGhI`.'),
  clientIds: clientIdsSchema,
  token: z.enum(['access', 'id']).default('access').describe('Which tokens the apps send.'),
  audience: listSchema
    .optional()
    .describe('The accepted `aud` of access tokens, for apps that ask for one with `resource`. Absent: any.'),
  issuerType: z
    .enum(['original', 'updated'])
    .default('original')
    .describe('The issuer type of the pool, which decides where its keys are. Tokens of both types are accepted.'),
  replicaRegions: z
    .array(z.string().regex(/^[a-z]{2,4}(-[a-z]+)+-\d$/, { error: 'must be a region, such as eu-central-1' }))
    .default([])
    .describe('The other regions of the pool.'),
  ...commonShape,
});

/**
 * Returns the issuer record of an Amazon Cognito user pool. A user is the same principal under both issuer types.
 *
 * Source: aws-jwt-verify 5.2.1 and the Cognito developer guide.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { cognito } from '@valetkey/jwt-verify/providers';
 *
 * const record = cognito({ userPoolId: 'eu-central-1_AbCdEfGhI', clientIds: 'my-app-client' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function cognito(options: z.input<typeof cognitoOptions>): IssuerOptions {
  const { userPoolId, clientIds, token, audience, issuerType, replicaRegions, ...common } = parseOptions(
    cognitoOptions,
    options,
  );
  const region = userPoolId.slice(0, userPoolId.indexOf('_'));
  const formsOf = (name: string): string[] =>
    ['cognito-idp', 'issuer-cognito-idp'].map((service) => `https://${service}.${hostOf(name)}/${userPoolId}`);
  const [original, updated] = formsOf(region) as [string, string];
  const isAccess = token === 'access';
  return completeRecord(
    {
      issuer: original,
      otherForms: [updated, ...replicaRegions.flatMap(formsOf)],
      audiences: isAccess ? (audience === undefined ? null : toList(audience)) : toList(clientIds),
      jwksUri: `${issuerType === 'original' ? original : updated}/.well-known/jwks.json`,
      algorithms: ['RS256'],
      tokenType: isAccess ? 'any' : 'id',
      requiredClaims: { token_use: [token] },
      remediations: {
        wrong_token_type: `Send the ${token} token of the user pool, or change the option token of the preset.`,
        token_use: `Send the ${token} token of the user pool, or change the option token of the preset.`,
        encrypted_token: `Send the ${token} token. The refresh token of Cognito, which has five segments, must stay between the app and Cognito.`,
        unknown_issuer:
          'Send a token of the user pool that userPoolId names. If the iss has another region of this pool, list the region in replicaRegions.',
        ...(!isAccess && {
          wrong_audience: 'Send the ID token of an app client that clientIds lists, or add its client id there.',
        }),
        wrong_client: 'Send a token of an app client that clientIds lists, or add its client id there.',
      },
    },
    { ...common, ...(isAccess && { clientIds }) },
  );
}

function hostOf(region: string): string {
  if (region.startsWith('eusc-')) return `${region}.amazonaws.eu`;
  return `${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
