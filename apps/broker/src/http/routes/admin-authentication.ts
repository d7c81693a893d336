import { timingSafeEqual } from 'node:crypto';
import { ValetKeyError } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { digestOf, type AdminDigest } from '../../config/admin-fields.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the admin token that the request has. */
    actor: string | null;
  }
}

/** Returns the check that a request has one of the admin tokens. The name of the token becomes the `actor` of the request. */
export function createAdminCheck(server: FastifyInstance, accepted: readonly AdminDigest[]): onRequestAsyncHookHandler {
  server.decorateRequest('actor', null);
  return async (request) => {
    const { headers } = request;
    if (accepted.length === 0) {
      throw new ValetKeyError('forbidden', 'The admin API is off.', {
        remediation: 'Set admin.token or admin.tokens in the configuration.',
      });
    }
    const remediation = 'Send the value of admin.token or of one of admin.tokens as `Authorization: Bearer <token>`.';
    if (headers.authorization === undefined) {
      throw new ValetKeyError('missing_token', 'The request has no admin token.', { remediation });
    }
    const sent = digestOf(readBearerToken(headers.authorization));
    // Compares with every token, so that the time does not tell which one is similar.
    const matches = accepted.map(({ digest }) => timingSafeEqual(digest, sent));
    const found = accepted[matches.indexOf(true)];
    if (found === undefined) throw new ValetKeyError('invalid_token', 'This is not an admin token.', { remediation });
    request.actor = found.actor;
  };
}

/** Returns the actor of a request that the admin check has let through. */
export function actorOf({ actor }: FastifyRequest): string {
  if (actor === null) throw new TypeError('The request was not checked.');
  return actor;
}
