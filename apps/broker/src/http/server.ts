import { randomUUID } from 'node:crypto';
import { METHODS, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import cors from '@fastify/cors';
import { parseForeignJson, ValetKeyError, type Principal } from '@valetkey/core-types';
import { readBearerToken } from '@valetkey/jwt-verify';
import { proxyResponseHeaders } from '@valetkey/vendor-clients';
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onRequestAsyncHookHandler,
  type RouteHandlerMethod,
} from 'fastify';
import type { Logger } from 'pino';
import type { Identify } from '../identity/identify.ts';
import type { Lifecycle } from '../telemetry/readiness.ts';
import { defaultBodyProgress, hasBody, requireBodyProgress, type BodyProgress } from './body-progress.ts';
import { createProblemSender, problemFormat } from './errors/problem-sender.ts';
import { assertHostAllowed } from './host-names.ts';
import { closeIdleSockets, createSocketRefusal, cutOff, cutOffVisibly, lingerAfterUnreadBody } from './sockets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

const maxBodyBytes = 16_384;
/** The most requests of one TCP connection that may be pending at once. */
const maxPipelinedRequests = 32;

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** Called with the error of each failed request. */
  readonly countError?: ((error: ValetKeyError) => void) | undefined;
  /** The URL of the metadata (RFC 9728) that tells an unauthenticated caller where to get a token. */
  readonly resourceMetadata?: string | undefined;
  /** The exact origins of web pages that may call this listener. Absent: none. */
  readonly origins?: readonly string[] | undefined;
  /** The host names that requests may use besides loopback names. Absent: every name. */
  readonly hostNames?: readonly string[] | undefined;
  readonly bodyProgress?: BodyProgress | undefined;
}

type ServerOptions = FastifyHttpOptions<FastifyInstance['server'], FastifyBaseLogger>;

/** Gives each line about a request its id, so that no call of the logger has to name it. */
export const logController = new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' });

const serverOptions = {
  logController,
  bodyLimit: maxBodyBytes,
  // Slow headers and slow bodies have limits of their own.
  requestTimeout: 0,
  // Ends a TCP connection on which no byte moves, because its client does not read. Longer than any vendor's timeout.
  connectionTimeout: 650_000,
  keepAliveTimeout: 72_000,
  forceCloseConnections: 'idle',
  return503OnClosing: false,
  exposeHeadRoutes: false,
  genReqId: () => randomUUID(),
  http: {
    headersTimeout: 10_000,
    maxHeaderSize: 16_384,
    // By default, Node checks the timeout of the headers only every 30 seconds, so that 10 seconds could become 40.
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
  },
} as const satisfies ServerOptions;

/**
 * Creates an HTTP server with the common behaviour of every listener. Each failure becomes `application/problem+json`, no response
 * may be cached or sniffed, and a request that two HTTP parsers could read differently is refused. While the broker drains, each
 * response closes its TCP connection.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { logger, lifecycle, countError = () => undefined, resourceMetadata, origins = [], hostNames } = options;
  const sendProblem = createProblemSender(countError, problemFormat(resourceMetadata));
  const server = fastify({
    ...serverOptions,
    loggerInstance: withoutAddresses(logger),
    childLoggerFactory: (_quiet, bindings, options) => logger.child(bindings, options),
    clientErrorHandler: createSocketRefusal({ logger, countError }),
    // Fastify throws these errors before it runs any hook.
    frameworkErrors: (error, request, reply) => {
      writeCommonHeaders(request, reply);
      sendProblem(error, request, reply);
    },
  });

  closeIdleSockets(server);
  cutOffVisibly(server);
  lingerAfterUnreadBody(server);
  requireBodyProgress(server, options.bodyProgress ?? defaultBodyProgress);
  limitPipelining(server);
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
  server.decorateRequest('principal', null);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, parseJson);
  addEmptyBodyParser(server);
  server.addHook('onRequest', async (request, reply) => {
    writeCommonHeaders(request, reply);
    refuseAmbiguousHeaders(request.raw);
    if (hostNames !== undefined) assertHostAllowed(request.raw, hostNames);
    if (origins.length > 0) refusePlainOptions(request);
  });
  if (origins.length > 0) allowOrigins(server, origins);
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (lifecycle.draining) reply.header('connection', 'close');
    done(null, payload);
  });
  server.setErrorHandler(sendProblem);
  server.setNotFoundHandler(() => {
    throw new ValetKeyError('not_found', 'No route has this path.');
  });
  return server;
}

/** Returns a logger that drops the lines in which Fastify lists its addresses: the program that listens prints them once. */
function withoutAddresses(logger: Logger): FastifyBaseLogger {
  return logger.child({}, { level: logger.isLevelEnabled('warn') ? 'warn' : logger.level });
}

/**
 * Closes a TCP connection that pipelines more requests than any real client does. Node would keep all their responses in memory,
 * and a request of a few bytes can have a response of several thousand.
 */
function limitPipelining({ server }: FastifyInstance): void {
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

function writeCommonHeaders({ id }: FastifyRequest, reply: FastifyReply): void {
  reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff').header('x-request-id', id);
}

function parseJson(
  request: FastifyRequest,
  text: string | Buffer,
  done: (error: Error | null, body?: unknown) => void,
): void {
  if (text === '') return done(null, undefined);
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    done(new ValetKeyError('unsupported_media_type', 'The body has a content encoding.'));
    return;
  }
  try {
    done(null, parseForeignJson(text));
  } catch {
    done(new ValetKeyError('invalid_request', 'The body is not JSON.'));
  }
}

/** Accepts a body without bytes whatever its media type, and refuses every other body whose media type has no parser. */
export function addEmptyBodyParser(server: FastifyInstance): void {
  server.addContentTypeParser('*', (_request, payload, done) => {
    payload.once('error', () => done(new ValetKeyError('invalid_request', 'The body broke off.')));
    payload.once('end', () => done(null, undefined));
    payload.once('data', () => {
      payload.removeAllListeners('end').pause();
      done(new ValetKeyError('unsupported_media_type', 'The media type of the body is not supported here.'));
    });
  });
}

/** Forgets the media type of a request that has no body. Some clients send one, even an invalid one, with every request. */
const forgetMediaType: onRequestAsyncHookHandler = async ({ raw }) => {
  if (!hasBody(raw)) delete raw.headers['content-type'];
};

/** The headers that a request may carry only once. Node keeps the first of several; a proxy in front may use another one. */
const singleHeaders = new Set(['host', 'authorization', 'content-type', 'content-length', 'dpop']);

function refuseAmbiguousHeaders({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
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

const loopbackOrigin = /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;

/**
 * Allows web pages of exactly these origins to call the broker (Fetch standard, CORS). Only a bearer token identifies a
 * caller, so no response allows the browser's own credentials.
 */
function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  server.register(cors, {
    origin: origins.map((origin) => (origin === 'loopback' ? loopbackOrigin : origin)),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['retry-after', 'www-authenticate', 'x-request-id', ...proxyResponseHeaders],
    credentials: false,
    maxAge: 600,
  });
}

/** Refuses an OPTIONS request that is not a preflight. Otherwise the CORS plugin would respond with its own text. */
function refusePlainOptions({ method, headers }: FastifyRequest): void {
  const isPreflight = headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
  if (method === 'OPTIONS' && !isPreflight) {
    throw new ValetKeyError('invalid_request', 'OPTIONS is only for the preflight requests of browsers.');
  }
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

/**
 * Adds the handlers of one path, and a 405 with `Allow` for every other method. `authentication` runs before the body is read,
 * so that the JSON of an unauthenticated caller is never parsed.
 */
export function addRoute(
  server: FastifyInstance,
  url: string,
  handlers: Readonly<Record<string, RouteHandlerMethod>>,
  authentication?: onRequestAsyncHookHandler,
): void {
  const onRequest = authentication === undefined ? [forgetMediaType] : [forgetMediaType, authentication];
  for (const [method, handler] of Object.entries(handlers)) server.route({ method, url, onRequest, handler });
  const methods = Object.keys(handlers);
  const others = server.supportedMethods.filter((method) => !methods.includes(method));
  if (others.length === 0) return;
  server.route({
    method: others,
    url,
    onRequest: async (_request, reply) => {
      reply.header('allow', methods.join(', '));
      throw new ValetKeyError('method_not_allowed', `This path accepts ${methods.join(', ')}.`);
    },
    handler: async () => undefined,
  });
}
