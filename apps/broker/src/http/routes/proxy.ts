import { Readable } from 'node:stream';
import { ValetKeyError } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Identify } from '../../identity/identify.ts';
import type { CallerLimits } from '../../policy/caller-limits.ts';
import type { Perform } from '../../vendors/perform.ts';
import { proxyCall } from '../../vendors/proxy-call.ts';
import { toValetKeyError } from '../errors/problem.ts';
import { authenticateWith, principalOf } from '../server.ts';
import { readProxyRequest } from './proxy-request.ts';

interface ProxyRouteDependencies {
  readonly identify: Identify;
  readonly perform: Perform;
  readonly tokens: TokenCache;
  readonly callerLimits: CallerLimits;
  readonly onProblem: (error: ValetKeyError) => void;
}

/** Adds `ANY /v1/vendors/{connection}/proxy/*`: a call to the vendor on the caller's behalf, streamed in both directions. */
export function addProxyRoute(server: FastifyInstance, dependencies: ProxyRouteDependencies): void {
  const { identify, perform, tokens, callerLimits, onProblem } = dependencies;
  server.register(async (scope) => {
    // The body belongs to the vendor: whatever its media type, it is passed on as a stream.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    // The unread rest of a body would be taken for the next request on the connection, perhaps another caller's.
    scope.addHook('onSend', async ({ raw }, reply) => {
      if (!raw.complete) reply.header('connection', 'close');
    });
    scope.route({
      method: scope.supportedMethods,
      url: '/v1/vendors/:connection/proxy/*',
      onRequest: authenticateWith(identify),
      handler: async (request, reply) => {
        const { connection: name } = request.params as { connection: string };
        const principal = principalOf(request);
        const leave = callerLimits.enterProxyCall(principal);
        const abandoned = watchForDisconnect(reply, leave);
        const operation = { id: request.id, principal, connection: name };
        const response = await perform(operation, 'proxy', async (connection) => {
          try {
            const call = await readProxyRequest(request, abandoned);
            return { result: await proxyCall(connection, principal, call, tokens) };
          } catch (error) {
            if (!abandoned.aborted) throw error;
            throw new ValetKeyError('invalid_request', 'The caller disconnected before the response.', {
              vendor: connection.vendor.id,
              reason: 'disconnected',
            });
          }
        });
        const body = watchBody(response.body, abandoned, (failure) => reportCutBody(failure, request, onProblem));
        return reply.status(response.status).headers(response.headers).send(Readable.from(body));
      },
    });
  });
}

/** Returns a signal that aborts when the client disconnects or the response ends. `onEnd` runs at the same time. */
function watchForDisconnect(reply: FastifyReply, onEnd: () => void): AbortSignal {
  const abandoned = new AbortController();
  const onClose = () => {
    onEnd();
    abandoned.abort();
  };
  reply.raw.once('close', onClose);
  // The client may have disconnected during authentication; `close` will not fire again.
  if (reply.raw.destroyed) onClose();
  return abandoned.signal;
}

/** Passes a body on and reports when it fails: its head is sent already, so that only the operator can be told. */
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

function reportCutBody(
  failure: unknown,
  request: FastifyRequest,
  onProblem: ProxyRouteDependencies['onProblem'],
): void {
  const error = toValetKeyError(failure);
  onProblem(error);
  const { connection } = request.params as { connection: string };
  const { code, reason } = error;
  request.log.warn({ requestId: request.id, connection, code, reason }, 'response was cut off');
}
