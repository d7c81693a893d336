import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { Identify } from '../identity/identify.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/**
 * Creates the hook that authenticates a caller before the body is read. Only the bearer token of the `Authorization`
 * header identifies a caller, never a query parameter or a body.
 */
export function createAuthenticate(identify: Identify): onRequestAsyncHookHandler {
  return async (request) => {
    request.principal = await identify(readBearerToken(request.headers.authorization));
  };
}

/** Returns the caller of an authenticated request. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new ValetKeyError('internal', 'This route does not authenticate its callers.');
  return principal;
}
