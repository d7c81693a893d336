import type { IssuerOptions } from '@valetkey/core-types';

/** The settings of an Authgear project. */
export interface AuthgearOptions {
  /** The project's endpoint, such as `https://project.authgear.cloud`. */
  readonly endpoint: string;
  /** Accepts only tokens that were issued to this client id. Absent: accepts tokens of every client. */
  readonly clientId?: string | undefined;
  /**
   * Looks up opaque tokens at the project's resolver, which this process must be able to reach. Default: `false`.
   * `cacheSeconds` is the number of seconds for which a response is cached. Default: 10.
   */
  readonly resolver?: boolean | { readonly cacheSeconds?: number | undefined } | undefined;
}

/**
 * Returns the issuer record of an Authgear project that issues JWTs as access tokens (portal: "Issue JWT as access token").
 *
 * Source: Authgear's "JWT Access Token" reference: `iss` is the endpoint, `aud` its origin, RS256, `typ: at+jwt`.
 *
 * @example
 * ```ts
 * import { authgear, createJwtVerifier } from '@valetkey/jwt-verify';
 *
 * const verifier = createJwtVerifier({ issuers: [authgear({ endpoint: 'https://project.authgear.cloud' })] });
 * ```
 */
export function authgear({ endpoint, clientId, resolver = false }: AuthgearOptions): IssuerOptions {
  const issuer = endpoint.replace(/\/+$/, '');
  return {
    issuer,
    audiences: [new URL(issuer).origin],
    algorithms: ['RS256'],
    jwksUri: `${issuer}/oauth2/jwks`,
    tokenType: 'access',
    ...(clientId !== undefined && { clientIds: [clientId] }),
    ...(resolver !== false && {
      resolver: { endpoint: `${issuer}/_resolver/resolve`, ...(resolver !== true && resolver) },
    }),
  };
}
