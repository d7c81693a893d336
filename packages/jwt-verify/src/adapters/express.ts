import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import { authenticateOrRefuse, readRawHeader, type AuthenticationOptions } from './authenticate.ts';

/** The part of an Express request that the middleware reads. */
type ExpressRequest = IncomingMessage & { readonly method: string; readonly originalUrl: string };

/** The authentication of an Express application. */
export interface ExpressAuthentication {
  /** Refuses requests without a valid token. */
  readonly middleware: (
    request: ExpressRequest,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ) => Promise<void>;
  /**
   * Returns the principal of a request.
   *
   * @throws {TypeError} If the middleware has not authenticated the request.
   */
  readonly principalOf: (request: IncomingMessage) => Principal;
}

/**
 * Creates the authentication of an Express application.
 *
 * @example
 * ```ts
 * import { createExpressAuthentication } from '@valetkey/jwt-verify';
 *
 * const { middleware, principalOf } = createExpressAuthentication(verifier);
 * app.use(middleware);
 * app.get('/me', (request, response) => response.json({ subject: principalOf(request).subject }));
 * ```
 */
export function createExpressAuthentication(
  verifier: JwtVerifier,
  options: AuthenticationOptions = {},
): ExpressAuthentication {
  const principals = new WeakMap<object, Principal>();
  return {
    middleware: async (request, response, next) => {
      const { method, originalUrl: path, rawHeaders } = request;
      const authorizations = readRawHeader(rawHeaders, 'authorization');
      const proof = readRawHeader(rawHeaders, 'dpop').join();
      try {
        const outcome = await authenticateOrRefuse(verifier, { authorizations, proof, method, path }, options);
        if ('refusal' in outcome) {
          const { status, headers, body } = outcome.refusal;
          response.writeHead(status, headers).end(body);
          return;
        }
        principals.set(request, outcome.principal);
      } catch (error) {
        next(error);
        return;
      }
      next();
    },
    principalOf: (request) => {
      const principal = principals.get(request);
      if (principal === undefined) {
        throw new TypeError('The request was not authenticated: use the middleware on its route.');
      }
      return principal;
    },
  };
}
