import { ValetKeyError } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';
import type { Connections } from '../../vendors/connections.ts';
import { hasBody, type Credentials, type ReadCredentials } from '../request-rules.ts';

/**
 * Returns whether the connection of a request issues tokens to GET. Samples of vendors whose tokens are bound to the account
 * request them with GET. A token of a user is never the response to a method that clients and proxies repeat by themselves.
 */
export function issuesToGet({ params }: FastifyRequest, connections: Connections): boolean {
  const { connection } = params as { connection: string };
  return connections.get(connection)?.vendor.issue?.bound === 'account';
}

/** One token without a scheme. The name of a scheme alone is a malformed header. */
const schemelessToken = /^[ \t]*(?!(?:bearer|dpop)[ \t]*$)([\w.~+/-]+=*)[ \t]*$/i;

/**
 * Reads the caller's credentials of a GET request for a token. The header may be the token alone, as samples of vendors send it
 * (`Authorization: your_token`). Throws as `readCredentials`.
 */
export function readCredentialsOfGet(request: FastifyRequest, readCredentials: ReadCredentials): Credentials {
  const token = schemelessToken.exec(request.headers.authorization ?? '')?.[1];
  return token === undefined ? readCredentials(request) : { token };
}

/** Throws `invalid_request` if a GET request for a token has a query or a body. Only POST accepts the vendor's parameters. */
export function refuseParametersOfGet({ url, raw }: FastifyRequest): void {
  if (!/\?./.test(url) && !hasBody(raw)) return;
  throw new ValetKeyError('invalid_request', 'A GET request for a token accepts no query and no body.', {
    remediation: 'Send the parameters as JSON with POST.',
  });
}
