import type { IssuerOptions } from '@valetkey/core-types';

/** How an Authgear project signs users in. */
export interface AuthgearOptions {
  /** The project's endpoint, such as `https://project.authgear.cloud`. */
  readonly endpoint: string;
  /** Whether tokens that are not JWTs are looked up at the project's resolver; it must be reachable from here. */
  readonly resolver?: boolean | undefined;
}

/**
 * The issuer record of an Authgear project that issues JWTs as access tokens (portal: "Issue JWT as access token").
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
export function authgear({ endpoint, resolver = false }: AuthgearOptions): IssuerOptions {
  const issuer = endpoint.replace(/\/$/, '');
  return {
    issuer,
    audiences: [new URL(issuer).origin],
    algorithms: ['RS256'],
    tokenType: 'access',
    ...(resolver ? { resolver: { endpoint: `${issuer}/_resolver/resolve` } } : {}),
  };
}
