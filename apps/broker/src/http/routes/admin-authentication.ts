import { timingSafeEqual } from 'node:crypto';
import { ValetKeyError } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { digestOf, type AdminDigest } from '../../config/admin-fields.ts';
import type { IdentifyOperator } from '../../policy/operators.ts';
import { originOf } from '../request-rules.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The name of the admin token that the request has, or the actor that the token of an operator names. */
    actor: string | null;
  }
}

/** The tokens that the admin API accepts. */
export interface AdminAccess {
  /** The digests of the admin tokens. */
  readonly accepted: readonly AdminDigest[];
  /** Absent if no user of an identity provider is an operator. */
  readonly identifyOperator: IdentifyOperator | undefined;
}

/** Whether the admin API accepts any token at all. */
export function isAdminApiOn({ accepted, identifyOperator }: AdminAccess): boolean {
  return accepted.length > 0 || identifyOperator !== undefined;
}

/**
 * Returns the check that a request has an admin token or the token of an operator. The name of the token or the operator becomes the
 * `actor` of the request.
 */
export function createAdminCheck(server: FastifyInstance, access: AdminAccess): onRequestAsyncHookHandler {
  const { accepted, identifyOperator } = access;
  server.decorateRequest('actor', null);
  const remediation = describeAccepted(access);
  return async (request) => {
    const { headers } = request;
    if (!isAdminApiOn(access)) {
      throw new ValetKeyError('forbidden', 'The admin API is off.', {
        remediation: 'Set admin.token, admin.tokens or admin.operators in the configuration.',
      });
    }
    if (headers.authorization === undefined) {
      throw new ValetKeyError('missing_token', 'The request has no admin token.', { remediation });
    }
    const token = readBearerToken(headers.authorization);
    const sent = digestOf(token);
    // Compares with every token, so that the time does not tell which one is similar.
    const matches = accepted.map(({ digest }) => timingSafeEqual(digest, sent));
    const found = accepted[matches.indexOf(true)];
    if (found !== undefined) {
      request.actor = found.actor;
      return;
    }
    if (identifyOperator === undefined || !isJwt(token)) {
      throw new ValetKeyError('invalid_token', 'This is not an admin token.', { remediation });
    }
    request.actor = await identifyOperator({ ...originOf(request), token });
  };
}

function isJwt(token: string): boolean {
  return token.split('.').length === 3;
}

function describeAccepted({ accepted, identifyOperator }: AdminAccess): string {
  const names = [
    ...(accepted.length > 0 ? ['the value of admin.token or of one of admin.tokens'] : []),
    ...(identifyOperator === undefined ? [] : ["an operator's access token for the issuer of admin.operators"]),
  ];
  return `Send ${names.join(', or ')}, as \`Authorization: Bearer <token>\`.`;
}

/** Returns the actor of a request that the admin check has let through. */
export function actorOf({ actor }: FastifyRequest): string {
  if (actor === null) throw new TypeError('The request was not checked.');
  return actor;
}
