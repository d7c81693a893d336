import type { Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/create-jwt-verifier.ts';
import { authenticate, toErrorResponse, type AuthenticationOptions } from './authenticate.ts';

/**
 * Authenticates a `Request` of the Fetch standard (Hono, Bun, Deno, Next.js, workers). Resolves to the principal, or to
 * the `Response` that refuses the caller.
 *
 * @example
 * ```ts
 * import { authenticateRequest } from '@valetkey/jwt-verify';
 *
 * const caller = await authenticateRequest(verifier, request);
 * if (caller instanceof Response) return caller;
 * return Response.json({ hello: caller.subject });
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
  try {
    return await authenticate(
      verifier,
      { authorizations, proof: headers.get('dpop'), method, path: pathname, signal },
      options,
    );
  } catch (error) {
    const response = toErrorResponse(verifier, error, options);
    return new Response(response.body, response);
  }
}
