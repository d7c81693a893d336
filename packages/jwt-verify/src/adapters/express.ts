import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/create-jwt-verifier.ts';
import { authenticate, readRawHeader, toErrorResponse, type AuthenticationOptions } from './authenticate.ts';

/** The part of an Express request that is used. */
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
   * @throws {TypeError} For a request that the middleware has not authenticated.
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
  const isAuthenticated = async (request: ExpressRequest, response: ServerResponse): Promise<boolean> => {
    const { method, originalUrl: path, rawHeaders } = request;
    const authorizations = readRawHeader(rawHeaders, 'authorization');
    const proof = readRawHeader(rawHeaders, 'dpop').join();
    try {
      principals.set(request, await authenticate(verifier, { authorizations, proof, method, path }, options));
      return true;
    } catch (error) {
      const { status, headers, body } = toErrorResponse(verifier, error, options);
      response.writeHead(status, headers).end(body);
      return false;
    }
  };
  return {
    middleware: async (request, response, next) => {
      let passed: boolean;
      try {
        passed = await isAuthenticated(request, response);
      } catch (error) {
        next(error);
        return;
      }
      if (passed) next();
    },
    principalOf: (request) => {
      const principal = principals.get(request);
      if (principal === undefined)
        throw new TypeError('The request was not authenticated: use the middleware on its route.');
      return principal;
    },
  };
}
