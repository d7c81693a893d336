import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance } from 'fastify';
import type { CallerLimits } from '../caller-limits.ts';
import { admit, type ConnectedVendors } from '../connected-vendors.ts';
import type { Decide, DecisionSubject } from '../decisions.ts';
import type { Identify } from '../identify.ts';
import { issueClientToken } from '../issue.ts';
import { readExchangeRequest } from './exchange-request.ts';
import { encodeExchangeAnswer } from './issue-answer.ts';
import { oauthErrorFormat } from './oauth-error.ts';
import { createProblemSender } from './problem-sender.ts';
import { addRoute } from './server.ts';

export const tokenExchangePath = '/oauth2/token';

export interface TokenExchangeServices {
  readonly identify: Identify;
  readonly connected: ConnectedVendors;
  readonly decide: Decide;
  readonly tokens: TokenCache;
  readonly callerLimits: CallerLimits;
  readonly clock: Clock;
  readonly onProblem: (error: ValetKeyError) => void;
}

/**
 * `POST /oauth2/token`: token exchange (RFC 8693). The caller's own token goes in as the subject token, `audience` names
 * the vendor, and the vendor's client token comes out. Clients do not authenticate: what they may have is the subject's.
 */
export function addTokenExchangeRoute(server: FastifyInstance, services: TokenExchangeServices): void {
  const { identify, connected, decide, tokens, callerLimits, clock, onProblem } = services;
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, body),
    );
    scope.setErrorHandler(createProblemSender(onProblem, oauthErrorFormat));
    addRoute(scope, tokenExchangePath, {
      POST: async (request, reply) => {
        const { subjectToken, vendor, requestedTokenType, asksForScope } = readExchangeRequest(request.body);
        const principal = await identify(subjectToken, callerLimits.countRequest);
        const subject: DecisionSubject = { requestId: request.id, operation: 'issue', vendor, principal };
        const body = await decide(subject, async () => {
          const admitted = admit(connected, vendor, principal);
          const exchanged = admitted.vendor.issue?.exchange;
          if (exchanged === undefined) {
            throw new ValetKeyError('operation_not_supported', `${vendor} issues no token to apps.`, { vendor });
          }
          if (![undefined, exchanged.issuedTokenType].includes(requestedTokenType)) {
            throw new ValetKeyError('invalid_request', `${vendor} issues ${exchanged.issuedTokenType}.`, { vendor });
          }
          const token = await issueClientToken(admitted, undefined, subject, tokens);
          return encodeExchangeAnswer(token, { ...exchanged, asksForScope }, clock);
        });
        return reply.type('application/json').header('pragma', 'no-cache').send(body);
      },
    });
  });
}
