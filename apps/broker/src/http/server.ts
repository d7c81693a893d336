import { METHODS, type RequestListener } from 'node:http';
import cors from '@fastify/cors';
import { ValetKeyError, type Principal } from '@valetkey/core-types';
import type { DpopSupport } from '@valetkey/jwt-verify';
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyRequest,
  type onRequestAsyncHookHandler,
  type onRequestHookHandler,
  type RouteHandlerMethod,
} from 'fastify';
import type { Logger } from 'pino';
import type { ListenerTls } from '../config/listener-tls.ts';
import type { Lifecycle } from '../telemetry/readiness.ts';
import type { AdmissionRules } from './admission.ts';
import { createProblemSender, problemFormat } from './errors/problem-sender.ts';
import { addEmptyBodyParser } from './body-parsers.ts';
import { createRequestId, takeRequestIdsOf } from './request-id.ts';
import {
  admitRequests,
  checkHead,
  closeWhileDraining,
  createChildLogger,
  createJsonParser,
  forgetMediaType,
  limitPipelining,
  lingerAfterUnreadBody,
  requireBodyProgress,
  startRouting,
  writeCommonHeaders,
} from './request-rules.ts';
import { tlsServerOptions } from './listener-tls.ts';
import { exposedHeaders, originPatterns } from './cross-origin.ts';
import { createSaturationRefusal } from './saturation-refusal.ts';
import {
  closeIdleSockets,
  createSocketRefusal,
  cutOffVisibly,
  defaultBodyProgress,
  type BodyProgress,
  type Routing,
} from './sockets.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
    /** Whether the route accepts the scheme `DPoP`, if the broker does. */
    acceptsDpop: boolean;
  }
}

const maxBodyBytes = 16_384;

export interface HttpServerOptions {
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** Called with the error of each failed request. */
  readonly countError?: ((error: ValetKeyError) => void) | undefined;
  /** The URL of the metadata (RFC 9728) that tells an unauthenticated caller where to get a token. */
  readonly resourceMetadata?: string | undefined;
  /** What the routes that authenticate a caller accept of DPoP. Absent: they accept only bearer tokens. */
  readonly dpop?: DpopSupport | undefined;
  /** The exact origins of web pages that may call this listener. Absent: none. */
  readonly origins?: readonly string[] | undefined;
  /** The host names that requests may use besides loopback names and the address that received the request. Absent: every name. */
  readonly hostNames?: readonly string[] | undefined;
  /** The addresses and networks of the proxies whose `X-Forwarded-For` states the address of a client. Absent: none. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** The certificate with which the server speaks TLS. Absent: it speaks plain HTTP. */
  readonly tls?: ListenerTls | undefined;
  /** Whether these proxies choose the ids of requests. Absent: each id is new. */
  readonly proxyRequestIds?: boolean | undefined;
  /** Decides when a request starts. Absent: at once. */
  readonly admission?: Omit<AdmissionRules, 'refuse'> | undefined;
  readonly bodyProgress?: BodyProgress | undefined;
  /** Called before the server has routes. Absent: the server has no metrics of its requests. */
  readonly observe?: ((server: FastifyInstance) => void) | undefined;
}

type ServerOptions = FastifyHttpOptions<FastifyInstance['server'], FastifyBaseLogger>;

/** Gives each line about a request its id, so that no call of the logger has to name it. */
export const logController = new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' });

const serverOptions = {
  logController,
  // Zod checks the bodies. Without these, Fastify loads its compilers of JSON schemas.
  schemaController: { compilersFactory: { buildValidator: refuseRouteSchema, buildSerializer: refuseRouteSchema } },
  bodyLimit: maxBodyBytes,
  // Slow headers and slow bodies have limits of their own.
  requestTimeout: 0,
  // Ends a TCP connection on which no byte moves, because its client does not read. Longer than any vendor's timeout.
  connectionTimeout: 650_000,
  keepAliveTimeout: 72_000,
  forceCloseConnections: 'idle',
  return503OnClosing: false,
  exposeHeadRoutes: false,
  genReqId: createRequestId,
  http: {
    headersTimeout: 10_000,
    maxHeaderSize: 16_384,
    // By default, Node checks the timeout of the headers only every 30 seconds, so that 10 seconds could become 40.
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
  },
} as const satisfies ServerOptions;

/**
 * Returns the option with which Fastify creates a server of `node:https`. Its type is hidden, because Fastify's types would then tell
 * the two servers apart, which every route serves alike.
 */
function createTlsOptions(tls: ListenerTls | undefined): object {
  return tls === undefined ? {} : { https: tlsServerOptions(tls, serverOptions.http) };
}

function refuseRouteSchema(): never {
  throw new TypeError('A route must not have a JSON schema.');
}

/**
 * Creates an HTTP server with the common behaviour of every listener. Each failure becomes `application/problem+json`, no response
 * may be cached or sniffed, and a request that two HTTP parsers could read differently is refused. While the broker drains, each
 * response closes its TCP connection.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { logger, lifecycle, countError = () => undefined, resourceMetadata, hostNames } = options;
  const { origins = [], trustedProxies = [] } = options;
  const sendProblem = createProblemSender(countError, problemFormat(resourceMetadata, options.dpop));
  const server = fastify({
    ...serverOptions,
    ...createTlsOptions(options.tls),
    ...(options.proxyRequestIds && { genReqId: takeRequestIdsOf(trustedProxies) }),
    // Without a proxy, nothing that a client sends changes the address that the broker sees.
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    loggerInstance: withoutAddresses(logger),
    childLoggerFactory: createChildLogger(logger),
    clientErrorHandler: createSocketRefusal({ logger, countError }),
    // Fastify throws these errors before it runs any hook.
    frameworkErrors: (error, request, reply) => {
      writeCommonHeaders(request, reply);
      sendProblem(error, request, reply);
    },
  });

  const routing = startRouting(server, createSaturationRefusal({ origins, lifecycle, countError }));
  routings.set(server, routing);
  if (options.admission !== undefined) {
    const refuse: RequestListener = (request, response) => routing.current.refuse(request, response);
    admitRequests(server, { ...options.admission, refuse });
  }
  options.observe?.(server);
  closeIdleSockets(server);
  cutOffVisibly(server);
  lingerAfterUnreadBody(server);
  requireBodyProgress(server, options.bodyProgress ?? defaultBodyProgress);
  limitPipelining(server);
  // Node's own refusal of an unknown expectation has no body and no request id. RFC 9110 section 10.1.1 allows to ignore it.
  server.server.on('checkExpectation', (request, response) => server.server.emit('request', request, response));
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
  server.decorateRequest('principal', null);
  server.decorateRequest('acceptsDpop', false);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, createJsonParser(server));
  addEmptyBodyParser(server);
  server.addHook('onRequest', checkHead({ hostNames, hasCors: origins.length > 0 }));
  if (origins.length > 0) allowOrigins(server, origins);
  server.addHook('onSend', closeWhileDraining(lifecycle));
  server.setErrorHandler(sendProblem);
  server.setNotFoundHandler(() => {
    throw new ValetKeyError('not_found', 'No route has this path.');
  });
  return server;
}

const routings = new WeakMap<FastifyInstance, Routing>();

/**
 * Lets a listener serve the requests that begin from now on by the routes of `server`, which must be ready and listens nowhere itself.
 * Resolves when every request that began before has ended by the routes that it began with.
 */
export function switchRoutes(listener: FastifyInstance, server: FastifyInstance): Promise<void> {
  const [routing, next] = [routings.get(listener), routings.get(server)];
  if (routing === undefined || next === undefined) throw new TypeError('A server was not made by createHttpServer.');
  const { current: earlier } = routing;
  routing.current = next.current;
  return new Promise((resolve) => {
    earlier.onIdle = resolve;
    if (earlier.running === 0) resolve();
  });
}

/** Returns a logger that drops the lines in which Fastify lists its addresses: the program that listens prints them once. */
function withoutAddresses(logger: Logger): FastifyBaseLogger {
  return logger.child({}, { level: logger.isLevelEnabled('warn') ? 'warn' : logger.level });
}

/**
 * Allows web pages of exactly these origins to call the broker (Fetch standard, CORS). Only the `Authorization` header
 * identifies a caller, so no response allows the browser's own credentials.
 */
function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  server.register(cors, {
    origin: originPatterns(origins),
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders,
    credentials: false,
    maxAge: 600,
  });
}

/**
 * Adds the handlers of one path, and a 405 with `Allow` for every other method. `authentication` runs before the body is read,
 * so that the JSON of an unauthenticated caller is never parsed. `conditions` says of a method which requests it serves; to
 * every other request, the method does not exist.
 */
export function addRoute(
  server: FastifyInstance,
  url: string,
  handlers: Readonly<Record<string, RouteHandlerMethod>>,
  authentication?: onRequestAsyncHookHandler,
  conditions: Readonly<Record<string, (request: FastifyRequest) => boolean>> = {},
): void {
  const methods = Object.keys(handlers);
  const refuseOtherMethods: onRequestHookHandler = (request, reply, done) => {
    const accepted = methods.filter((method) => conditions[method]?.(request) ?? true);
    if (accepted.includes(request.method)) return done();
    reply.header('allow', accepted.join(', '));
    throw new ValetKeyError('method_not_allowed', `This path accepts ${accepted.join(', ')}.`);
  };
  for (const [method, handler] of Object.entries(handlers)) {
    const onRequest = authentication === undefined ? [forgetMediaType] : [forgetMediaType, authentication];
    if (conditions[method] !== undefined) onRequest.unshift(refuseOtherMethods);
    server.route({ method, url, onRequest, handler });
  }
  const others = server.supportedMethods.filter((method) => !methods.includes(method));
  if (others.length === 0) return;
  server.route({ method: others, url, onRequest: refuseOtherMethods, handler: async () => undefined });
}
