import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/create-jwt-verifier.ts';
import { answerError, authenticate, readRawHeader, type AuthenticationOptions } from './authenticate.ts';

/** What is used of an Express request. */
type ExpressRequest = IncomingMessage & { readonly method: string; readonly originalUrl: string };

/** Authentication of an Express application. */
export interface ExpressAuthentication {
  /** A handler that turns callers without a valid token away. */
  readonly middleware: (
    request: ExpressRequest,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ) => Promise<void>;
  /**
   * The principal of a request that went through the middleware.
   *
   * @throws {TypeError} For one that did not.
   */
  readonly principalOf: (request: IncomingMessage) => Principal;
}

/**
 * Authenticates the requests of an Express application.
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
  const check = async (request: ExpressRequest, response: ServerResponse): Promise<boolean> => {
    const { method, originalUrl: path, rawHeaders } = request;
    const authorizations = readRawHeader(rawHeaders, 'authorization');
    const proof = readRawHeader(rawHeaders, 'dpop').join();
    try {
      principals.set(request, await authenticate(verifier, { authorizations, proof, method, path }, options));
      return true;
    } catch (error) {
      const { status, headers, body } = answerError(verifier, error, options);
      response.writeHead(status, headers).end(body);
      return false;
    }
  };
  return {
    middleware: async (request, response, next) => {
      let passed: boolean;
      try {
        passed = await check(request, response);
      } catch (error) {
        next(error);
        return;
      }
      if (passed) next();
    },
    principalOf: (request) => {
      const principal = principals.get(request);
      if (principal === undefined) throw new TypeError('The request was not authenticated: use the middleware.');
      return principal;
    },
  };
}
