import type { IncomingMessage } from 'node:http';
import type { Principal } from '@valetkey/core-types';
import type { JwtVerifier } from '../verify/jwt-verifier.ts';
import { authenticateOrRefuse, readRawHeader, type AuthenticationOptions } from './authenticate.ts';

/** The part of a Fastify request that the hook reads. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly method: string;
  readonly originalUrl: string;
}

/** The part of a Fastify reply that the hook calls. */
interface FastifyReply {
  code: (status: number) => unknown;
  headers: (headers: Record<string, string>) => unknown;
  send: (body: string) => unknown;
}

/** The authentication of a Fastify server. */
export interface FastifyAuthentication {
  /** Refuses requests without a valid token. */
  readonly onRequest: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
  /**
   * Returns the principal of a request.
   *
   * @throws {TypeError} If the hook has not authenticated the request.
   */
  readonly principalOf: (request: FastifyRequest) => Principal;
}

/**
 * Creates the authentication of a Fastify server.
 *
 * @example
 * ```ts
 * import { createFastifyAuthentication } from '@valetkey/jwt-verify';
 *
 * const { onRequest, principalOf } = createFastifyAuthentication(verifier);
 * app.addHook('onRequest', onRequest);
 * app.get('/me', (request) => ({ subject: principalOf(request).subject }));
 * ```
 */
export function createFastifyAuthentication(
  verifier: JwtVerifier,
  options: AuthenticationOptions = {},
): FastifyAuthentication {
  const principals = new WeakMap<object, Principal>();
  return {
    onRequest: async (request, reply) => {
      const { raw, method, originalUrl: path } = request;
      const authorizations = readRawHeader(raw.rawHeaders, 'authorization');
      const proof = readRawHeader(raw.rawHeaders, 'dpop').join();
      const outcome = await authenticateOrRefuse(verifier, { authorizations, proof, method, path }, options);
      if ('refusal' in outcome) {
        const { status, headers, body } = outcome.refusal;
        reply.code(status);
        reply.headers(headers);
        return reply.send(body);
      }
      principals.set(raw, outcome.principal);
      return undefined;
    },
    principalOf: ({ raw }) => {
      const principal = principals.get(raw);
      if (principal === undefined) throw new TypeError('The request was not authenticated: add the onRequest hook.');
      return principal;
    },
  };
}
