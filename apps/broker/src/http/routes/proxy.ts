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
  readonly countError: (error: ValetKeyError) => void;
}

/** Adds `ANY /v1/vendors/{connection}/proxy/*`: calls the vendor on the principal's behalf and streams the response. */
export function addProxyRoute(server: FastifyInstance, dependencies: ProxyRouteDependencies): void {
  const { identify, perform, tokens, callerLimits, countError } = dependencies;
  server.register(async (scope) => {
    // The body is for the vendor, so the broker parses no media type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    // Node would parse the unread rest of a body as the next request on this socket.
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
        const leaveProxyCall = callerLimits.enterProxyCall(principal);
        const abandoned = watchForDisconnect(reply, leaveProxyCall);
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
        const body = watchBody(response.body, abandoned, (failure) => reportCutBody(failure, request, countError));
        return reply.status(response.status).headers(response.headers).send(Readable.from(body));
      },
    });
  });
}

/** Returns a signal that aborts when the caller disconnects or the response ends. `onEnd` is called at the same time. */
function watchForDisconnect(reply: FastifyReply, onEnd: () => void): AbortSignal {
  const abandoned = new AbortController();
  const onClose = () => {
    onEnd();
    abandoned.abort();
  };
  reply.raw.once('close', onClose);
  // The caller may have disconnected during authentication. The event `close` will not fire again then.
  if (reply.raw.destroyed) onClose();
  return abandoned.signal;
}

/** Yields the chunks of a body. If the body fails, calls `onCut`: the head is sent already, so the caller gets no problem. */
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
  countError: ProxyRouteDependencies['countError'],
): void {
  const error = toValetKeyError(failure);
  countError(error);
  const { connection } = request.params as { connection: string };
  const { code, reason } = error;
  request.log.warn({ connection, code, reason }, 'response was cut off');
}
