import { ValetKeyError } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type { FastifyRequest } from 'fastify';
import type { Connections } from '../../vendors/connections.ts';
import { hasBody } from '../request-rules.ts';

/**
 * Returns the methods of the issue route of the connection that a request names. Samples of vendors whose tokens are bound to
 * the account request a token with GET. A token of a user is single-use or a secret of that user, so it is never the response
 * to a method that clients and proxies repeat.
 */
export function issueMethodsOf({ params }: FastifyRequest, connections: Connections): readonly string[] {
  const { connection } = params as { connection: string };
  return connections.get(connection)?.vendor.issue?.bound === 'account' ? ['GET', 'POST'] : ['POST'];
}

/** One token without a scheme. The name of a scheme alone is a malformed header. */
const schemelessToken = /^[ \t]*(?!(?:bearer|dpop)[ \t]*$)([\w.~+/-]+=*)[ \t]*$/i;

/**
 * Reads the caller's token of an issue request. With GET, the header may be the token alone, as samples of vendors send it
 * (`Authorization: your_token`). Throws as `readBearerToken`.
 */
export function readIssueToken({ method, headers: { authorization = '' } }: FastifyRequest): string {
  const bare = method === 'GET' ? schemelessToken.exec(authorization)?.[1] : undefined;
  return bare ?? readBearerToken(authorization);
}

/** Throws `invalid_request` if a GET request has a query or a body. Only POST accepts the vendor's parameters. */
export function refuseParametersOfGet({ method, url, raw }: FastifyRequest): void {
  if (method !== 'GET' || !(/\?./.test(url) || hasBody(raw))) return;
  throw new ValetKeyError('invalid_request', 'A GET request for a token accepts no query and no body.', {
    remediation: 'Send the parameters as JSON with POST.',
  });
}
