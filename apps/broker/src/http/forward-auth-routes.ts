import { ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyReply, RouteHandlerMethod } from 'fastify';
import { z } from 'zod';
import type { Identify } from '../identify.ts';
import { addRoute } from './server.ts';

/** What a proxy in front of another service asks before it lets a request through. */
export interface ForwardAuthServices {
  readonly identify: Identify;
  /** What the names of the headers begin with. */
  readonly headerPrefix: string;
}

/**
 * `GET|HEAD /v1/resolve`: forward-auth in three states. Always 200 and empty; the session header is absent without a
 * token, `true` for a valid one, `false` for any other. Only an identity provider or a store that cannot be asked is an
 * error: a caller must not be taken for signed out then.
 */
export function addResolveRoute(server: FastifyInstance, { identify, headerPrefix }: ForwardAuthServices): void {
  const handler: RouteHandlerMethod = async (request, reply) => {
    try {
      const principal = await identify(readBearerToken(request.headers.authorization));
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
 * `GET|HEAD /v1/authorize`: forward-auth for nginx `auth_request` and Caddy `forward_auth`. 204 with the headers of the
 * session, 401 for anybody unknown, 403 without the scopes of the query's `scope`. Nothing that is said of the request
 * itself counts: what a proxy adds about its method and address, a caller can add as well.
 */
export function addAuthorizeRoute(server: FastifyInstance, { identify, headerPrefix }: ForwardAuthServices): void {
  const handler: RouteHandlerMethod = async (request, reply) => {
    const wanted = readScopes(request.query);
    const principal = await identify(readToken(request.headers.authorization));
    const missing = wanted.filter((scope) => !principal.scopes.includes(scope));
    if (missing.length > 0) {
      throw new ValetKeyError('forbidden', 'The token does not carry the scopes that this needs.', {
        remediation: `Ask for a token with the scopes: ${wanted.join(' ')}.`,
      });
    }
    writeSessionHeaders(reply, headerPrefix, principal);
    return reply.status(204).send();
  };
  addRoute(server, '/v1/authorize', { GET: handler, HEAD: handler });
}

/** Proxies know 401 and 403; of any other refusal nginx makes a 500. */
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

const wantedSchema = z.strictObject({
  /** As OAuth writes them: words with a space between. */
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/)
    .optional(),
});

/** The scopes that the proxy asks for. A word that is misspelt must not come to mean that none is needed. */
function readScopes(query: unknown): readonly string[] {
  const { data, success } = wantedSchema.safeParse(query);
  if (!success) throw new ValetKeyError('invalid_request', 'The query takes `scope`, words with a space between.');
  return data.scope?.split(' ') ?? [];
}

function writeSessionHeaders(reply: FastifyReply, prefix: string, principal: Principal): void {
  reply.header(`${prefix}session-valid`, 'true');
  reply.header(`${prefix}user-id`, headerText(principal.subject));
  reply.header(`${prefix}issuer`, headerText(principal.issuer));
  reply.header(`${prefix}scope`, principal.scopes.map(headerText).join(' '));
}

// Printable ASCII stays as it is; the rest, and the sign that marks it, is percent-encoded, so that two subjects never
// become one text and none breaks out of its line.
const headerText = (text: string) => text.toWellFormed().replaceAll(/[^\x21-\x24\x26-\x7e]+/g, encodeURIComponent);
