import { Readable } from 'node:stream';
import { ValetKeyError } from '@valetkey/core-types';
import type { TokenCache } from '@valetkey/token-cache';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Identify } from '../../identity/identify.ts';
import { principalKey } from '../../identity/identify.ts';
import type { CallerLimits } from '../../policy/caller-limits.ts';
import type { Connections } from '../../vendors/connections.ts';
import type { Perform } from '../../vendors/perform.ts';
import { proxyCall } from '../../vendors/proxy-call.ts';
import { readFromCarriers } from '../carried-token.ts';
import { createProblemSender, type FailureFormat } from '../errors/problem-sender.ts';
import { toValetKeyError } from '../errors/problem.ts';
import { inWordsOf } from '../errors/vendor-words.ts';
import { markHeader } from '../cross-origin.ts';
import { authenticateWith, operationOf, principalOf, type ReadCredentials } from '../request-rules.ts';
import { cutOff } from '../sockets.ts';
import { readProxyRequest } from './proxy-request.ts';

interface ProxyRouteDependencies {
  readonly identify: Identify;
  readonly readCredentials: ReadCredentials;
  readonly connections: Connections;
  readonly perform: Perform;
  readonly tokens: TokenCache;
  readonly callerLimits: CallerLimits;
  readonly countError: (error: ValetKeyError) => void;
  /** The format of an error about a connection whose vendor's SDK reads no other. */
  readonly problems: FailureFormat;
}

/**
 * Adds `ANY /v1/vendors/{connection}/proxy/*`: calls the vendor on the principal's behalf and streams the response. With
 * `/proxy?url=`, the caller names an absolute link of the vendor instead of a path. An unmodified client SDK of some vendors
 * can call it: the app's token stands where the SDK sends its key, and errors are in the vendor's words.
 */
export function addProxyRoute(server: FastifyInstance, dependencies: ProxyRouteDependencies): void {
  const { identify, connections, perform, tokens, callerLimits, countError, problems } = dependencies;
  const readCredentials = readFromCarriers(connections, dependencies.readCredentials);
  server.register(async (scope) => {
    // The body is for the vendor, so the broker parses no media type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    // Node would parse the unread rest of a body as the next request on this socket.
    scope.addHook('onSend', async ({ raw }, reply) => {
      if (!raw.complete) reply.header('connection', 'close');
    });
    scope.setErrorHandler((thrown, request, reply) => {
      const { connection } = request.params as { connection: string };
      const refuse = connections.get(connection)?.vendor.proxy?.refuse;
      const format = refuse === undefined ? problems : inWordsOf(refuse, problems);
      createProblemSender(countError, format)(thrown, request, reply);
    });
    const route = {
      method: scope.supportedMethods,
      onRequest: authenticateWith(identify, 'proxy', readCredentials),
      handler: async (request: FastifyRequest, reply: FastifyReply) => {
        const { connection: name } = request.params as { connection: string };
        const principal = principalOf(request);
        const caller = principalKey(principal);
        const leaveProxyCall = callerLimits.enterProxyCall(principal);
        const abandoned = watchForDisconnect(reply, leaveProxyCall);
        const operation = { ...operationOf(request, name, readCredentials), method: request.method };
        const response = await perform(operation, 'proxy', async (connection, _recordChange, addDetails) => {
          try {
            const call = await readProxyRequest(request, { connection, caller, signal: abandoned });
            const result = await proxyCall(connection, principal, call, tokens, addDetails);
            addDetails({ vendorStatus: result.status });
            return { result };
          } catch (error) {
            if (!abandoned.aborted) throw error;
            throw new ValetKeyError('invalid_request', 'The caller disconnected before the response.', {
              vendor: connection.vendor.id,
              reason: 'disconnected',
            });
          }
        });
        const body = watchBody(response.body, reply, (failure) => {
          if (!abandoned.aborted) reportCutBody(failure, request, countError);
        });
        const { status, headers } = response;
        return reply.status(status).headers(headers).header(markHeader, 'vendor').send(Readable.from(body));
      },
    };
    for (const end of ['', '/*']) scope.route({ ...route, url: `/v1/vendors/:connection/proxy${end}` });
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

const noBytes = Buffer.alloc(0);

/**
 * Sends the head at once, then yields the chunks of the body. If the body fails, calls `onCut` and cuts the TCP connection
 * off: the head is sent already, so the caller gets no problem.
 */
async function* watchBody(
  body: AsyncIterable<Uint8Array>,
  { raw }: FastifyReply,
  onCut: (failure: unknown) => void,
): AsyncGenerator<Uint8Array> {
  // `flushHeaders` would encode the bytes of the headers that are not ASCII a second time.
  raw.write(noBytes);
  try {
    yield* body;
  } catch (failure) {
    onCut(failure);
    if (raw.socket !== null) cutOff(raw.socket);
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
