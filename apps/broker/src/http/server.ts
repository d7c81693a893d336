import { randomUUID } from 'node:crypto';
import { METHODS, type IncomingMessage } from 'node:http';
import { ValetKeyError } from '@valetkey/core-types';
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
import { createProblemSender, problemFormat } from './errors/problem-sender.ts';
import { closeIdleSockets, limitPipelining, refuseConnection } from './sockets.ts';

const maxBodyBytes = 16_384;

export interface HttpServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly isDraining: () => boolean;
  /** Called with each failure that is sent. */
  readonly onProblem?: ((error: ValetKeyError) => void) | undefined;
  /** The URL of the metadata that tells a refused caller how to get a token. */
  readonly resourceMetadata?: string | undefined;
}

type ServerOptions = FastifyHttpOptions<FastifyInstance['server'], FastifyBaseLogger>;

const serverOptions = {
  logController: new LogController({ disableRequestLogging: true }),
  bodyLimit: maxBodyBytes,
  requestTimeout: 15_000,
  // For a connection on which no byte moves, because its client does not read. Longer than any vendor's timeout.
  connectionTimeout: 650_000,
  keepAliveTimeout: 72_000,
  forceCloseConnections: 'idle',
  return503OnClosing: false,
  exposeHeadRoutes: false,
  genReqId: () => randomUUID(),
  http: {
    headersTimeout: 10_000,
    maxHeaderSize: 16_384,
    // Node checks for overdue connections every 30 seconds by default, which would turn 10 seconds into up to 40.
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false,
  },
  clientErrorHandler: refuseConnection,
} as const satisfies ServerOptions;

/**
 * Creates an HTTP server with what every listener of the broker has in common: problem+json for every failure, no caching,
 * no content sniffing, no request that two readers could interpret differently. While it drains, each response closes its
 * connection.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { logger, isDraining, onProblem = () => undefined, resourceMetadata } = options;
  const sendProblem = createProblemSender(onProblem, problemFormat(resourceMetadata));
  const server = fastify({
    ...serverOptions,
    loggerInstance: logger,
    // These errors occur before any hook runs.
    frameworkErrors: (error, request, reply) => {
      writeCommonHeaders(request, reply);
      sendProblem(error, request, reply);
    },
  });

  closeIdleSockets(server);
  limitPipelining(server);
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, parseJson);
  server.addHook('onRequest', async (request, reply) => {
    writeCommonHeaders(request, reply);
    refuseAmbiguousHeaders(request.raw);
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (isDraining()) reply.header('connection', 'close');
    done(null, payload);
  });
  server.setErrorHandler(sendProblem);
  server.setNotFoundHandler(() => {
    throw new ValetKeyError('not_found', 'No route has this path.');
  });
  return server;
}

function writeCommonHeaders({ id }: FastifyRequest, reply: FastifyReply): void {
  reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff').header('x-request-id', id);
}

function parseJson(
  request: FastifyRequest,
  text: string | Buffer,
  done: (error: Error | null, body?: unknown) => void,
): void {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    done(new ValetKeyError('unsupported_media_type', 'The body has a content encoding.'));
    return;
  }
  try {
    done(null, text === '' ? undefined : JSON.parse(text.toString()));
  } catch {
    done(new ValetKeyError('invalid_request', 'The body is not JSON.'));
  }
}

/** Of a repeated header Node keeps the first one, while a proxy in front of it may have used the second. */
const singleHeaders = new Set(['host', 'authorization', 'content-type', 'content-length', 'dpop']);

function refuseAmbiguousHeaders({ rawHeaders, headers, httpVersion }: IncomingMessage): void {
  if (httpVersion === '0.9') throw new ValetKeyError('invalid_request', 'HTTP/0.9 is not supported.');
  // With any other transfer encoding, another reader would see a different body.
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

/**
 * Adds the handlers of one path, and a 405 with `Allow` for every other method. The `onRequest` hooks run before the body
 * is read, so that the JSON of an unauthenticated caller is never parsed.
 */
export function addRoute(
  server: FastifyInstance,
  url: string,
  handlers: Readonly<Record<string, RouteHandlerMethod>>,
  onRequest: onRequestAsyncHookHandler[] = [],
): void {
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
