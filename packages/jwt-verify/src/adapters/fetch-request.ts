import type { Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import { authenticateOrRefuse, type AuthenticationOptions } from './authenticate.ts';

/**
 * Authenticates a `Request` of the Fetch standard (Hono, Bun, Deno, Next.js, workers). Resolves to the principal, or to a
 * `Response` that refuses the request.
 *
 * @example
 * ```ts
 * import { authenticateRequest } from '@valetkey/jwt-verify';
 *
 * const principal = await authenticateRequest(verifier, request);
 * if (principal instanceof Response) return principal;
 * return Response.json({ hello: principal.subject });
 * ```
 */
export async function authenticateRequest(
  verifier: JwtVerifier,
  request: Request,
  options: AuthenticationOptions = {},
): Promise<Principal | Response> {
  const { headers, method, signal } = request;
  const { pathname } = new URL(request.url);
  const authorization = headers.get('authorization');
  const authorizations = authorization === null ? [] : [authorization];
  const credentials = { authorizations, proof: headers.get('dpop'), method, path: pathname, signal };
  const outcome = await authenticateOrRefuse(verifier, credentials, options);
  return 'refusal' in outcome ? new Response(outcome.refusal.body, outcome.refusal) : outcome.principal;
}
