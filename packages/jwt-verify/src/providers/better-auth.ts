import type { IssuerOptions } from '@valetkey/core-types';
import { z } from 'zod';
import {
  anonymousShape,
  baseUrlSchema,
  clientIdsSchema,
  commonShape,
  completeRecord,
  listSchema,
  parseOptions,
  toList,
} from './preset.ts';

/** The options of {@link betterAuth}. */
export const betterAuthOptions = z
  .strictObject({
    baseUrl: baseUrlSchema.describe('The base URL of the server, without `/api/auth`.'),
    basePath: z
      .string()
      .regex(/^(\/[\w-]+)+$/)
      .default('/api/auth')
      .describe('The path of Better Auth on the server.'),
    plugin: z.enum(['jwt', 'oauth-provider']).default('jwt').describe('The plugin that issues the tokens.'),
    issuer: z
      .string()
      .min(1)
      .optional()
      .describe('The `issuer` that you set in the plugin. Absent: the base URL, with and without `basePath`.'),
    audience: listSchema
      .optional()
      .describe('The `aud` of the tokens. Absent: the base URL, which is the same for all APIs.'),
    clientIds: clientIdsSchema.optional(),
    ...anonymousShape,
    ...commonShape,
  })
  .refine(({ baseUrl, basePath }) => !baseUrl.endsWith(basePath), {
    error: 'must be the URL without basePath (default: /api/auth)',
    path: ['baseUrl'],
  })
  .refine(({ plugin, clientIds }) => plugin === 'oauth-provider' || clientIds === undefined, {
    error: 'is for the plugin oauth-provider: tokens of the plugin jwt name no app',
    path: ['clientIds'],
  });

/**
 * Returns the issuer record of a Better Auth server with the plugin `jwt` or `oauth-provider`.
 *
 * Source: better-auth/better-auth, the plugins jwt and oauth-provider.
 *
 * @example
 * ```ts
 * import { betterAuth } from '@valetkey/jwt-verify/providers';
 *
 * const record = betterAuth({ baseUrl: 'https://app.example.com' });
 * ```
 */
export function betterAuth(options: z.input<typeof betterAuthOptions>): IssuerOptions {
  const { baseUrl, basePath, plugin, issuer, audience = baseUrl, ...common } = parseOptions(betterAuthOptions, options);
  const isJwt = plugin === 'jwt';
  return completeRecord(
    {
      issuer: issuer ?? baseUrl,
      otherForms: issuer === undefined ? [`${baseUrl}${basePath}`] : [],
      audiences: toList(audience),
      jwksUri: `${baseUrl}${basePath}/jwks`,
      algorithms: ['EdDSA', 'ES256', 'ES512', 'RS256', 'PS256'],
      tokenType: isJwt ? 'any' : 'access',
      ...(isJwt && { forbiddenClaims: [{ claim: 'client_id' }, { claim: 'azp' }] }),
      clientClaims: ['client_id', 'azp'],
      remediations: {
        malformed_token: `Send the JWT of ${basePath}/token, not the session token.`,
        wrong_audience: 'Set jwt.audience of the plugin to this value.',
        client_id: 'This is the token of an OAuth client: set plugin to oauth-provider and clientIds to accept it.',
        azp: 'This is the token of an OAuth client: set plugin to oauth-provider and clientIds to accept it.',
        unknown_issuer: 'The iss is the base URL of the server that issued the token: each environment has its own.',
      },
    },
    common,
  );
}
