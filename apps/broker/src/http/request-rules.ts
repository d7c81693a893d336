import type { IncomingMessage, RequestListener } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { isHostAllowed, ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import type {
  FastifyBaseLogger,
  FastifyBodyParser,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
  onRequestAsyncHookHandler,
  onRequestHookHandler,
  onSendHookHandler,
} from 'fastify';
import type { LogFn, Logger } from 'pino';
import type { CallerRequest, Identify } from '../identity/identify.ts';
import type { Lifecycle } from '../telemetry/readiness.ts';
import type { OperationRequest } from '../vendors/perform.ts';
import type { AdmissionRules } from './admission.ts';
import { markHeader, refusePlainOptions } from './cross-origin.ts';
import {
  connectionEventOf,
  cutOff,
  linger,
  type BodyProgress,
  type RequestHeadRules,
  type Routing,
} from './sockets.ts';

/** The most requests of one TCP connection that may be pending at once. */
const maxPipelinedRequests = 32;

/** Creates the logger of a request when its first line is written. Few requests write one, and each child took 3 % of a request. */
class RequestLogger implements FastifyBaseLogger {
  readonly #parent: Logger;
  readonly #create: () => Logger;
  #created: Logger | undefined;

  constructor(parent: Logger, create: () => Logger) {
    this.#parent = parent;
    this.#create = create;
  }

  get #logger(): Logger {
    return (this.#created ??= this.#create());
  }

  get level(): string {
    return this.#logger.level;
  }

  get msgPrefix(): string | undefined {
    return this.#logger.msgPrefix;
  }

  child(...values: Parameters<Logger['child']>): FastifyBaseLogger {
    return this.#logger.child(...values);
  }

  trace(...line: unknown[]): void {
    if (this.#parent.isLevelEnabled('trace')) this.#logger.trace(...(line as Parameters<LogFn>));
  }

  debug(...line: unknown[]): void {
    if (this.#parent.isLevelEnabled('debug')) this.#logger.debug(...(line as Parameters<LogFn>));
  }

  info(...line: unknown[]): void {
    if (this.#parent.isLevelEnabled('info')) this.#logger.info(...(line as Parameters<LogFn>));
  }

  warn(...line: unknown[]): void {
    if (this.#parent.isLevelEnabled('warn')) this.#logger.warn(...(line as Parameters<LogFn>));
  }

  error(...line: unknown[]): void {
    if (this.#parent.isLevelEnabled('error')) this.#logger.error(...(line as Parameters<LogFn>));
  }

  fatal(...line: unknown[]): void {
    if (this.#parent.isLevelEnabled('fatal')) this.#logger.fatal(...(line as Parameters<LogFn>));
  }

  silent(): void {}
}

/** Returns the function that creates the logger of a request. It keeps the broker's log level; the logger given to Fastify is quiet. */
export function createChildLogger(logger: Logger): NonNullable<FastifyServerOptions['childLoggerFactory']> {
  return (_quiet, bindings, options) => new RequestLogger(logger, () => logger.child(bindings, options));
}

/** Returns the hook that refuses a request by its head, before its caller is known. */
export function checkHead({ hostNames, hasCors }: RequestHeadRules): onRequestHookHandler {
  return (request, reply, done) => {
    writeCommonHeaders(request, reply);
    refuseUnsafeHead(request.raw);
    if (hostNames !== undefined) assertHostAllowed(request.raw, hostNames);
    if (hasCors && request.method === 'OPTIONS') refusePlainOptions(request);
    done();
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
  reply
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .header('x-request-id', id)
    .header(markHeader, 'broker');
}

/** The headers that a request may carry only once. Node keeps the first of several; a proxy in front may use another one. */
const singleHeaders = ['host', 'authorization', 'content-type', 'content-length', 'dpop'];
const singleHeaderLengths = new Set(singleHeaders.map(({ length }) => length));

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
  // Of the headers of most requests, only a few have the length of one of these names. `seen` has a bit for each name.
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const written = rawHeaders[index] ?? '';
    if (!singleHeaderLengths.has(written.length)) continue;
    const name = written.toLowerCase();
    const place = singleHeaders.indexOf(name);
    if (place === -1) continue;
    if (seen & (1 << place))
      throw new ValetKeyError('invalid_request', `The header ${name} is present more than once.`);
    seen |= 1 << place;
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

/** Lets a listener serve each request by the routes that are current when it begins, in place of Fastify's own handler. */
export function startRouting({ server, routing: handle }: FastifyInstance, refuse: RequestListener): Routing {
  const routing: Routing = { current: { handle, refuse, running: 0 } };
  server.removeAllListeners('request').on('request', (request, response) => {
    const { current } = routing;
    current.running += 1;
    response.on('close', () => {
      if ((current.running -= 1) === 0) current.onIdle?.();
    });
    current.handle(request, response);
  });
  return routing;
}

/**
 * Starts each request when the broker has time for it. A request that is refused reaches no hook and no route, because to refuse it
 * must cost much less than to serve it.
 */
export function admitRequests({ server }: FastifyInstance, { admission, isExempt, refuse }: AdmissionRules): void {
  const [serve] = server.listeners('request') as [RequestListener];
  server.removeAllListeners('request').on('request', (request, response) => {
    if (admission.startsLeft > 0) {
      admission.startsLeft -= 1;
      serve(request, response);
    } else if (isExempt(request)) serve(request, response);
    else {
      admission.wait((isRefused) => {
        // A client that has gone would receive nothing.
        if (request.socket.destroyed) return;
        if (isRefused) refuse(request, response);
        else serve(request, response);
      });
    }
  });
}

/**
 * Closes a TCP connection that pipelines more requests than any real client does. Node would keep all their responses in memory,
 * and a request of a few bytes can have a response of several thousand.
 */
export function limitPipelining({ server }: FastifyInstance): void {
  const connections = new WeakMap<Socket, { pending: number }>();
  server.on('request', ({ socket }, response) => {
    const connection = connections.get(socket) ?? { pending: 0 };
    if (connection.pending === 0) connections.set(socket, connection);
    connection.pending += 1;
    response.on('close', () => (connection.pending -= 1));
    if (connection.pending > maxPipelinedRequests) cutOff(socket);
  });
}

/**
 * Refuses a request whose body stops or is very slow, as Node refuses slow headers. There is no limit on the total time,
 * because a body of `maxRequestBytes` may take minutes on a slow network.
 */
export function requireBodyProgress({ server }: FastifyInstance, { windowMs, minBytes }: BodyProgress): void {
  server.on('request', (request, response) => {
    if (!hasBody(request)) return;
    const { socket } = request;
    let readBefore = socket.bytesRead;
    const timer = setInterval(() => {
      const read = socket.bytesRead - readBefore;
      readBefore += read;
      // Bytes that wait in the broker show that the vendor is slow and not the caller. The vendor's own timeout ends that.
      if (request.complete || read >= minBytes || request.readableLength > 0) return;
      clearInterval(timer);
      // If the response is already sent, no second one is possible, so the connection is only closed.
      if (response.writableFinished) socket.destroy();
      else
        server.emit('clientError', Object.assign(new Error('slow body'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
    }, windowMs);
    timer.unref();
    // The timer continues after the response: otherwise a client could hold the connection open with a body that no route reads.
    request.once('close', () => clearInterval(timer));
  });
}

/** Returns whether a request announces a body of at least one byte, or of unknown length. */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': transferEncoding } = headers;
  return transferEncoding !== undefined || !/^0*$/.test(length);
}

/**
 * Reads the rest of a body that was not read before its connection closes (RFC 9112 section 9.6). Otherwise the system would
 * reset the connection, and a client or proxy that is still sending might lose the response.
 */
export function lingerAfterUnreadBody({ server }: FastifyInstance): void {
  const latest = new WeakMap<Socket, IncomingMessage>();
  server.on('request', (request) => void latest.set(request.socket, request));
  server.on(connectionEventOf(server), (socket: Socket) => {
    const close = socket.destroySoon.bind(socket);
    // Node calls this function after the last response of a connection.
    socket.destroySoon = () => (latest.get(socket)?.complete === false ? linger(socket) : close());
  });
}

/** Creates the parser of JSON bodies. It also accepts a body without bytes. */
export function createJsonParser(server: FastifyInstance): FastifyBodyParser<string> {
  // It ignores one byte order mark, as RFC 8259 section 8.1 allows.
  const parse = server.getDefaultJsonParser('ignore', 'ignore');
  return (request, text, done) => {
    if (text === '') return done(null, undefined);
    const { 'content-encoding': encoding = 'identity' } = request.headers;
    if (encoding !== 'identity') {
      return done(new ValetKeyError('unsupported_media_type', 'The body has a content encoding.'));
    }
    return parse(request, text, (failure, value) =>
      failure === null ? done(null, value) : done(new ValetKeyError('invalid_request', 'The body is not JSON.')),
    );
  };
}

/** Forgets the media type of a request that has no body. Some clients send one, even an invalid one, with every request. */
export const forgetMediaType: onRequestHookHandler = ({ raw }, _reply, done) => {
  if (raw.headers['content-type'] !== undefined && !hasBody(raw)) delete raw.headers['content-type'];
  done();
};

/** The token of a caller, and the DPoP proof with which the caller sent it. */
export type Credentials = Pick<CallerRequest, 'token' | 'dpop'>;

/** Reads the credentials in the head of a request. Throws `missing_token` or `invalid_request`. */
export type ReadCredentials = (request: FastifyRequest) => Credentials;

/** Reads a bearer token. Throws as `readBearerToken`. */
export const readBearerCredentials: ReadCredentials = ({ headers }) => ({
  token: readBearerToken(headers.authorization),
});

/**
 * Returns the hook that authenticates a caller. Only the head of a request identifies a caller, never a query parameter or a
 * body.
 */
export function authenticateWith(
  identify: Identify,
  operation: CallerRequest['operation'],
  readCredentials: ReadCredentials,
): onRequestAsyncHookHandler {
  return async (request) => {
    const { connection } = request.params as { connection?: string };
    request.acceptsDpop = true;
    const credentials = readCredentials(request);
    request.principal = await identify({ ...originOf(request), ...credentials, operation, connection });
  };
}

/** Returns where a request comes from. */
export function originOf(request: FastifyRequest): Pick<CallerRequest, 'id' | 'clientAddress'> {
  return { id: request.id, clientAddress: clientAddressOf(request) };
}

/** Returns the request for an operation of a caller that `authenticateWith` has identified with the same `readCredentials`. */
export function operationOf(
  request: FastifyRequest,
  connection: string,
  readCredentials: ReadCredentials,
): OperationRequest {
  const { token } = readCredentials(request);
  return { ...originOf(request), token, principal: principalOf(request), connection };
}

/** Returns the address of the client. What a proxy states counts only if it is an address. */
function clientAddressOf({ ip, socket }: FastifyRequest): string | undefined {
  const { remoteAddress } = socket;
  return ip === remoteAddress || isIP(ip) === 0 ? remoteAddress : ip;
}

/** Returns the principal of an authenticated request. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new ValetKeyError('internal', 'This route does not authenticate its callers.');
  return principal;
}
