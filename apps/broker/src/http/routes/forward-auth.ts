import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyReply, RouteHandlerMethod } from 'fastify';
import { z } from 'zod';
import type { Identify } from '../../identity/identify.ts';
import { originOf } from '../request-rules.ts';
import { addRoute } from '../server.ts';

interface ForwardAuthDependencies {
  readonly identify: Identify;
  /** The prefix of the response headers. */
  readonly headerPrefix: string;
}

/**
 * Adds `GET|HEAD /v1/resolve`: forward authentication with three states. The response is an empty 200. Its header
 * `<prefix>session-valid` is absent without a token, `true` with a valid token and `false` with any other token. Responds 503
 * only if the identity provider or the store is unavailable, because the caller is not signed out then.
 */
export function addResolveRoute(server: FastifyInstance, { identify, headerPrefix }: ForwardAuthDependencies): void {
  const handler: RouteHandlerMethod = async (request, reply) => {
    try {
      const principal = await identify({
        ...originOf(request),
        token: readBearerToken(request.headers.authorization),
        operation: 'resolve',
      });
      writeSessionHeaders(reply, headerPrefix, principal);
    } catch (error) {
      if (!ValetKeyError.isInstance(error) || error.status >= 500) throw error;
      if (error.code !== 'missing_token') reply.header(`${headerPrefix}session-valid`, 'false');
    }
    return reply.send();
  };
  addRoute(server, '/v1/resolve', { GET: handler, HEAD: handler });
}

/**
 * Adds `GET|HEAD /v1/authorize`: forward authentication for nginx `auth_request` and Caddy `forward_auth`. Responds 204
 * with the session headers, 401 without a valid token, and 403 if the token lacks a scope that the query parameter `scope`
 * names. Headers such as `X-Forwarded-Uri` are ignored, because a caller can forge them.
 */
export function addAuthorizeRoute(server: FastifyInstance, { identify, headerPrefix }: ForwardAuthDependencies): void {
  const handler: RouteHandlerMethod = async (request, reply) => {
    const required = parseScopes(request.query);
    const principal = await identify({
      ...originOf(request),
      token: readToken(request.headers.authorization),
      operation: 'authorize',
    });
    if (!required.every((scope) => principal.scopes.includes(scope))) {
      throw new ValetKeyError('forbidden', 'The token lacks a required scope.', {
        remediation: `Request a token with the scopes: ${required.join(' ')}.`,
      });
    }
    writeSessionHeaders(reply, headerPrefix, principal);
    return reply.status(204).send();
  };
  addRoute(server, '/v1/authorize', { GET: handler, HEAD: handler });
}

/** Reads the bearer token. A malformed header is a 401 here, because nginx turns any error except 401 and 403 into a 500. */
function readToken(authorization: string | undefined): string {
  try {
    return readBearerToken(authorization);
  } catch (error) {
    if (ValetKeyError.isInstance(error) && error.code === 'invalid_request') {
      throw new ValetKeyError('invalid_token', error.message, { reason: error.reason });
    }
    throw error;
  }
}

const querySchema = z.strictObject({
  /** Scopes in OAuth's notation (RFC 6749 section 3.3), separated by spaces. */
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/)
    .optional(),
});

/** Returns the scopes that the proxy requires. An unknown parameter is refused; ignoring `scopes=` would require no scope. */
function parseScopes(query: unknown): readonly string[] {
  const { data, success } = querySchema.safeParse(query);
  if (!success)
    throw new ValetKeyError('invalid_request', 'The query accepts only `scope`: scopes separated by spaces.');
  return data.scope?.split(' ') ?? [];
}

function writeSessionHeaders(reply: FastifyReply, prefix: string, principal: Principal): void {
  reply.header(`${prefix}session-valid`, 'true');
  reply.header(`${prefix}user-id`, toHeaderText(principal.subject));
  reply.header(`${prefix}issuer`, toHeaderText(principal.issuer));
  reply.header(`${prefix}scope`, principal.scopes.map(toHeaderText).join(' '));
}

/**
 * Percent-encodes the percent sign and everything except printable ASCII, so that two different texts never become equal and no
 * text can begin a new header line.
 */
function toHeaderText(text: string): string {
  return text.toWellFormed().replaceAll(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent);
}
