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

const oktaDomainSchema = domainSchema.refine((domain) => !/-admin\.okta/.test(domain), {
  error: 'must be the domain without -admin',
});

/** The options of {@link okta}. */
export const oktaOptions = z.strictObject({
  domain: oktaDomainSchema.describe('The domain at which users sign in, such as `acme.okta.com` or a custom domain.'),
  otherDomains: z.array(oktaDomainSchema).default([]).describe('Other domains at which the same users sign in.'),
  authorizationServer: z
    .string()
    .min(1)
    .default('default')
    .refine((id) => id !== 'org', {
      error:
        "must be a custom authorization server: Okta does not publish the keys of the org server's access tokens (Okta: Security > API > Authorization Servers)",
    })
    .describe('The id of the custom authorization server.'),
  audience: listSchema.default('api://default').describe('The audience of the authorization server.'),
  clientIds: clientIdsSchema.optional(),
  ...commonShape,
});

/**
 * Returns the issuer record of a custom authorization server of Okta. The subject is `uid`, because `sub` is the login
 * name, which may change; that of a machine is `machine:` and its `cid`. Access tokens of the org server cannot be verified by others than Okta.
 *
 * Source: Okta's developer documentation and \@okta/jwt-verifier 4.0.2.
 *
 * @example
 * ```ts
 * import { createJwtVerifier } from '@valetkey/jwt-verify';
 * import { okta } from '@valetkey/jwt-verify/providers';
 *
 * const record = okta({ domain: 'acme.okta.com', clientIds: '0oa1abcdefGHIJKLM0x7' });
 * const verifier = createJwtVerifier({ issuers: [record] });
 * ```
 */
export function okta(options: z.input<typeof oktaOptions>): IssuerOptions {
  const { domain, otherDomains, authorizationServer, audience, ...common } = parseOptions(oktaOptions, options);
  const issuerAt = (host: string): string => `https://${host}/oauth2/${authorizationServer}`;
  const issuer = issuerAt(domain);
  const useServer = `Have the app sign in at ${issuer}, and send the access token.`;
  return completeRecord(
    {
      issuer,
      otherForms: otherDomains.map(issuerAt),
      audiences: toList(audience),
      jwksUri: `${issuer}/v1/keys`,
      algorithms: ['RS256'],
      tokenType: 'any',
      clientClaims: ['cid'],
      accessTokenClaims: ['cid'],
      subjectClaims: ['uid'],
      scopeClaims: ['scp'],
      machines: {
        // A user's login, which is the sub, may be the text of a client id: only the lack of a uid identifies a machine.
        marks: [{ claim: 'uid', absent: true }, ...(common.machines ? [] : [{ claim: 'sub', sameAs: 'cid' }])],
        subjectClaims: ['cid'],
      },
      remediations: {
        unknown_issuer: `Tokens of Okta's org server, whose iss is the bare domain, are not accepted: only Okta can verify its access tokens. ${useServer}`,
        wrong_audience: `The audience is that of the authorization server, not a client id; an ID token has the client id. ${useServer}`,
        wrong_token_type: `${useServer} An ID token is not accepted.`,
      },
    },
    common,
  );
}
