import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isHostAllowed, ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
  onRequestAsyncHookHandler,
  onSendHookHandler,
} from 'fastify';
import type { Logger } from 'pino';
import type { Identify } from '../identity/identify.ts';
import type { Lifecycle } from '../telemetry/readiness.ts';
import { cutOff } from './sockets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** The most requests of one TCP connection that may be pending at once. */
const maxPipelinedRequests = 32;

export interface RequestHeadRules {
  /** The host names that requests may use besides loopback names and the address that received the request. Absent: every name. */
  readonly hostNames?: readonly string[] | undefined;
  /** Whether the CORS plugin responds to OPTIONS. */
  readonly hasCors: boolean;
}

export const createRequestId = (): string => randomUUID();

/** Returns the function that creates the logger of a request. It keeps the broker's log level; the logger given to Fastify is quiet. */
export const createChildLogger =
  (logger: Logger): NonNullable<FastifyServerOptions['childLoggerFactory']> =>
  (_quiet, bindings, options) =>
    logger.child(bindings, options);

/** Returns the hook that refuses a request by its head, before its caller is known. */
export function checkHead({ hostNames, hasCors }: RequestHeadRules): onRequestAsyncHookHandler {
  return async (request, reply) => {
    writeCommonHeaders(request, reply);
    refuseUnsafeHead(request.raw);
    if (hostNames !== undefined) assertHostAllowed(request.raw, hostNames);
    if (hasCors) refusePlainOptions(request);
  };
}

/** Returns the hook that closes each TCP connection after its response while the broker drains. */
export function closeWhileDraining(lifecycle: Lifecycle): onSendHookHandler<unknown> {
  return (_request, reply, payload, done) => {
    if (lifecycle.draining) reply.header('connection', 'close');
    done(null, payload);
  };
}

export function writeCommonHeaders({ id }: FastifyRequest, reply: FastifyReply): void {
  reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff').header('x-request-id', id);
}

/** The headers that a request may carry only once. Node keeps the first of several; a proxy in front may use another one. */
const singleHeaders = new Set(['host', 'authorization', 'content-type', 'content-length', 'dpop']);

function refuseUnsafeHead({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  if (httpVersion === '0.9') throw new ValetKeyError('invalid_request', 'HTTP/0.9 is not supported.');
  // Another HTTP parser could read any other transfer encoding differently, and would see a different body.
  const { 'transfer-encoding': transferEncoding = 'chunked' } = headers;
  if (transferEncoding.toLowerCase() !== 'chunked') {
    throw new ValetKeyError('invalid_request', 'The header transfer-encoding must be chunked.');
  }
  // Checked here, because Node's own refusal has an empty body.
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new ValetKeyError('invalid_request', 'The header host is missing.');
  }
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!singleHeaders.has(name)) continue;
    if (seen.has(name)) throw new ValetKeyError('invalid_request', `The header ${name} is present more than once.`);
    seen.add(name);
  }
}

/** Refuses an OPTIONS request that is not a preflight. Otherwise the CORS plugin would respond with its own text. */
function refusePlainOptions({ method, headers }: FastifyRequest): void {
  const isPreflight = headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
  if (method === 'OPTIONS' && !isPreflight) {
    throw new ValetKeyError('invalid_request', 'OPTIONS is only for the preflight requests of browsers.');
  }
}

/** Refuses a request whose `Host` is neither of this machine nor one of `hostNames`. Throws `forbidden`. */
function assertHostAllowed({ headers, socket }: IncomingMessage, hostNames: readonly string[]): void {
  if (isHostAllowed(headers.host, socket.localAddress, hostNames)) return;
  throw new ValetKeyError('forbidden', 'This listener does not serve the host name of this request.', {
    reason: 'host_name',
    remediation: 'Use a loopback name such as localhost, or ask the operator to add the host name to `hostNames`.',
  });
}

/**
 * Closes a TCP connection that pipelines more requests than any real client does. Node would keep all their responses in memory,
 * and a request of a few bytes can have a response of several thousand.
 */
export function limitPipelining({ server }: FastifyInstance): void {
  const pending = new WeakMap<Socket, number>();
  const count = (socket: Socket, change: number): number => {
    const left = (pending.get(socket) ?? 0) + change;
    pending.set(socket, left);
    return left;
  };
  server.on('request', ({ socket }, response) => {
    response.once('close', () => count(socket, -1));
    if (count(socket, 1) > maxPipelinedRequests) cutOff(socket);
  });
}

/**
 * Returns the hook that authenticates a caller. Only the bearer token of the `Authorization` header identifies a caller,
 * never a query parameter or a body.
 */
export function authenticateWith(identify: Identify): onRequestAsyncHookHandler {
  return async (request) => {
    request.principal = await identify(readBearerToken(request.headers.authorization));
  };
}

/** Returns the principal of an authenticated request. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new ValetKeyError('internal', 'This route does not authenticate its callers.');
  return principal;
}
