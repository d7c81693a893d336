import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { CallerLimits } from '../caller-limits.ts';
import type { Identify } from '../identify.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/**
 * Finds out who is calling, and whether too often, before the body is read. The bearer token of the `Authorization` header is the one way to be
 * known: never a query, never a body.
 */
export function createAuthenticate(
  identify: Identify,
  countRequest: CallerLimits['countRequest'],
): onRequestAsyncHookHandler {
  return async (request) => {
    request.principal = await identify(readBearerToken(request.headers.authorization), countRequest);
  };
}

/** The caller of a request that was authenticated. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new ValetKeyError('internal', 'This route does not authenticate its callers.');
  return principal;
}
