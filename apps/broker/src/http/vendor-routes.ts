import { Readable } from 'node:stream';
import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import type { CallerLimits } from '../caller-limits.ts';
import { admit, type ConnectedVendors } from '../connected-vendors.ts';
import type { Decide, DecisionSubject } from '../decisions.ts';
import { issueClientToken } from '../issue.ts';
import { proxyCall } from '../proxy.ts';
import { principalOf } from './authenticate.ts';
import { choosePlainText, encodeIssueAnswer } from './issue-answer.ts';
import { toValetKeyError } from './problem.ts';
import { readProxyRequest } from './proxy-request.ts';
import { addRoute } from './server.ts';

export interface VendorRouteServices {
  readonly authenticate: onRequestAsyncHookHandler;
  readonly connected: ConnectedVendors;
  readonly decide: Decide;
  readonly tokens: TokenCache;
  readonly callerLimits: CallerLimits;
  readonly onProblem: (error: ValetKeyError) => void;
  readonly clock: Clock;
}

function subjectOf(request: FastifyRequest, operation: DecisionSubject['operation']): DecisionSubject {
  const { vendor } = request.params as { vendor: string };
  return { requestId: request.id, operation, vendor, principal: principalOf(request) };
}

/** `POST /v1/vendors/{vendor}/token`: a client token for the caller. */
export function addIssueRoute(server: FastifyInstance, services: VendorRouteServices): void {
  const { authenticate, connected, decide, tokens, clock } = services;
  addRoute(
    server,
    '/v1/vendors/:vendor/token',
    {
      POST: async (request, reply) => {
        const subject = subjectOf(request, 'issue');
        const { type, body } = await decide(subject, async () => {
          const { vendor, principal } = subject;
          const admitted = admit(connected, vendor, principal);
          const plainTextField = choosePlainText(admitted.vendor, request.headers.accept);
          const token = await issueClientToken(admitted, request.body, subject, tokens);
          return encodeIssueAnswer(token, plainTextField, clock);
        });
        return reply.type(type).send(body);
      },
    },
    [authenticate],
  );
}

/** `ANY /v1/vendors/{vendor}/proxy/*`: a call to the vendor on the caller's behalf, streamed both ways. */
export function addProxyRoute(server: FastifyInstance, services: VendorRouteServices): void {
  const { authenticate, connected, decide, tokens, callerLimits, onProblem } = services;
  server.register(async (scope) => {
    // The body is the vendor's to read: whatever its type, it passes as a stream.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    // The rest of a body that nobody will read would stand before the next request, perhaps another caller's.
    scope.addHook('onSend', async ({ raw }, reply) => {
      if (!raw.complete) reply.header('connection', 'close');
    });
    scope.route({
      method: scope.supportedMethods,
      url: '/v1/vendors/:vendor/proxy/*',
      onRequest: authenticate,
      handler: async (request, reply) => {
        const subject = subjectOf(request, 'proxy');
        const leave = callerLimits.enterProxyCall(subject.principal);
        const abandoned = new AbortController();
        const onClose = () => {
          leave();
          abandoned.abort();
        };
        reply.raw.once('close', onClose);
        // Who left while it was found out who it is will not leave again.
        if (reply.raw.destroyed) onClose();
        const response = await decide(subject, async () => {
          const { vendor, principal } = subject;
          const admitted = admit(connected, vendor, principal);
          try {
            return await proxyCall(admitted, await readProxyRequest(request, abandoned.signal), subject, tokens);
          } catch (error) {
            if (!abandoned.signal.aborted) throw error;
            throw new ValetKeyError('invalid_request', 'The caller left before the answer.', {
              vendor,
              reason: 'left',
            });
          }
        });
        const onCut = (thrown: unknown) => {
          const error = toValetKeyError(thrown);
          onProblem(error);
          const { code, reason } = error;
          request.log.warn({ requestId: request.id, vendor: subject.vendor, code, reason }, 'answer was cut off');
        };
        const body = watchBody(response.body, abandoned.signal, onCut);
        return reply.status(response.status).headers(response.headers).send(Readable.from(body));
      },
    });
  });
}

/** The same body. Its head is out when it fails, so that nobody but the operator can be told. */
async function* watchBody(
  body: AsyncIterable<Uint8Array>,
  abandoned: AbortSignal,
  onCut: (failure: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (failure) {
    if (!abandoned.aborted) onCut(failure);
    throw failure;
  }
}
