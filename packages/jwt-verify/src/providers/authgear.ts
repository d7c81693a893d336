import type { IssuerOptions } from '@valetkey/core-types';

/** How an Authgear project signs users in. */
export interface AuthgearOptions {
  /** The project's endpoint, such as `https://project.authgear.cloud`. */
  readonly endpoint: string;
  /** The client id that tokens must be issued to. Absent: any client of the project. */
  readonly clientId?: string | undefined;
  /**
   * Looks up tokens that are not JWTs at the project's resolver, which must be reachable from here. Default: `false`.
   * `cacheSeconds` is the time in seconds that a response is cached; 10 by default.
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
