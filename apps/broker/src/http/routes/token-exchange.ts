import { ValetKeyError, type Clock, type ExchangedToken } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import type { Identify } from '../../identity/identify.ts';
import type { Connection } from '../../vendors/connections.ts';
import { issueClientToken } from '../../vendors/issue-token.ts';
import type { Perform } from '../../vendors/perform.ts';
import { originOf } from '../request-rules.ts';
import { addFormRoute } from './form-route.ts';
import { parseExchangeRequest } from './exchange-request.ts';
import { encodeExchangedToken } from './issue.ts';

export const tokenExchangePath = '/oauth2/token';

/** What the caller of a token exchange can do with a token that is bound to a key: the form has no place for its proof. */
export const exchangedTokenRemediation =
  'Send the token to `POST /v1/vendors/{connection}/token` with a DPoP proof. A token exchange accepts only bearer tokens, and none of an identity provider that requires bound tokens.';

interface TokenExchangeDependencies {
  readonly identify: Identify;
  readonly perform: Perform;
  readonly tokens: TokenCache;
  readonly clock: Clock;
  readonly countError: (error: ValetKeyError) => void;
}

/**
 * Adds `POST /oauth2/token`: token exchange (RFC 8693). The caller's own token is the subject token, `audience` names the
 * connection, and the response carries the vendor's client token. OAuth clients do not authenticate: only the subject token
 * identifies the principal.
 */
export function addTokenExchangeRoute(server: FastifyInstance, dependencies: TokenExchangeDependencies): void {
  const { identify, perform, tokens, clock, countError } = dependencies;
  const handler: RouteHandlerMethod = async (request, reply) => {
    const { subjectToken, connection: name, requestedTokenType, asksForScope } = parseExchangeRequest(request.body);
    const call = { ...originOf(request), token: subjectToken, connection: name };
    const principal = await identify({ ...call, operation: 'issue' });
    const body = await perform({ ...call, principal }, 'issue', async (connection, recordChange) => {
      const exchanged = readExchangedToken(connection, requestedTokenType);
      const { result: token, vendorUserId } = await issueClientToken(
        connection,
        principal,
        undefined,
        tokens,
        recordChange,
      );
      const context = { connection: name, nowMs: clock.nowMs() };
      return { result: encodeExchangedToken(token, { ...exchanged, asksForScope }, context), vendorUserId };
    });
    return reply.type('application/json').header('pragma', 'no-cache').send(body);
  };
  addFormRoute(server, tokenExchangePath, handler, countError);
}

function readExchangedToken({ name, vendor }: Connection, requestedTokenType: string | undefined): ExchangedToken {
  const exchanged = vendor.issue?.exchange;
  if (exchanged === undefined) {
    throw new ValetKeyError('operation_not_supported', `${name} issues no token to apps.`, { vendor: vendor.id });
  }
  if (requestedTokenType !== undefined && requestedTokenType !== exchanged.issuedTokenType) {
    throw new ValetKeyError('invalid_request', `${name} issues ${exchanged.issuedTokenType}.`, { vendor: vendor.id });
  }
  return exchanged;
}
