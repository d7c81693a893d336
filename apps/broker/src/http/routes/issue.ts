import type { Clock } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import { issueClientToken } from '../../vendors/issue-token.ts';
import type { Perform } from '../../vendors/perform.ts';
import { principalOf } from '../authenticate.ts';
import { addRoute } from '../server.ts';
import { choosePlainTextField, encodeIssuedToken } from './issued-token.ts';

interface IssueRouteDependencies {
  readonly authenticate: onRequestAsyncHookHandler;
  readonly perform: Perform;
  readonly tokens: TokenCache;
  readonly clock: Clock;
}

/** Adds `POST /v1/vendors/{connection}/token`: a client token for the caller. */
export function addIssueRoute(server: FastifyInstance, dependencies: IssueRouteDependencies): void {
  const { authenticate, perform, tokens, clock } = dependencies;
  addRoute(
    server,
    '/v1/vendors/:connection/token',
    {
      POST: async (request, reply) => {
        const { connection: name } = request.params as { connection: string };
        const principal = principalOf(request);
        const operation = { id: request.id, principal, connection: name };
        const { type, body } = await perform(operation, 'issue', async (connection) => {
          const plainTextField = choosePlainTextField(connection.vendor, request.headers.accept);
          const { result: token, vendorUserId } = await issueClientToken(connection, principal, request.body, tokens);
          const encoded = encodeIssuedToken(token, plainTextField, { connection: name, nowMs: clock.nowMs() });
          return { result: encoded, vendorUserId };
        });
        return reply.type(type).send(body);
      },
    },
    [authenticate],
  );
}
