import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken, type JwtVerifier } from '@valetkey/jwt-verify';
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/**
 * Finds out who is calling, before the body is read. The bearer token of the `Authorization` header is the one way to be
 * known: never a query, never a body.
 */
export function createAuthenticate(verifier: JwtVerifier): onRequestAsyncHookHandler {
  return async (request) => {
    request.principal = await verifier.verify(readBearerToken(request.headers.authorization));
  };
}

/** The caller of a request that was authenticated. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new ValetKeyError('internal', 'This route does not authenticate its callers.');
  return principal;
}
