import { randomUUID } from 'node:crypto';
import { METHODS, type IncomingMessage } from 'node:http';
import { ValetKeyError } from '@valetkey/core-types';
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onRequestAsyncHookHandler,
  type RouteHandlerMethod,
} from 'fastify';
import { boundPipelines, closeSilentConnections, refuseConnection } from './connections.ts';
import { createProblemSender, problemFormat } from './problem-sender.ts';

const maxBodyBytes = 16_384;

export interface HttpServerOptions {
  readonly logger: FastifyBaseLogger;
  readonly isDraining: () => boolean;
  /** Hears of each failure that is answered. */
  readonly onProblem?: ((error: ValetKeyError) => void) | undefined;
  /** Where a caller who is turned away learns how to get a token. */
  readonly resourceMetadata?: string | undefined;
}

/**
 * An HTTP server with the manners that every listener of the broker has: problem+json for every failure, nothing
 * cached, nothing sniffed, no request that two readers could read two ways. While it drains, each answer is the last on
 * its connection.
 */
export function createHttpServer({
  logger,
  isDraining,
  onProblem = () => undefined,
  resourceMetadata,
}: HttpServerOptions): FastifyInstance {
  const sendProblem = createProblemSender(onProblem, problemFormat(resourceMetadata));
  const server = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: maxBodyBytes,
    requestTimeout: 15_000,
    // Of one on which nothing moves: its caller reads no answer. Longer than any vendor may take, and any body of its.
    connectionTimeout: 650_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    // Node looks for overdue connections every 30 seconds unless told otherwise, so 10 seconds would mean up to 40.
    http: {
      headersTimeout: 10_000,
      maxHeaderSize: 16_384,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
    },
    // These come before any hook.
    frameworkErrors: (error, request, reply) => {
      writeCommonHeaders(request, reply);
      sendProblem(error, request, reply);
    },
    clientErrorHandler: refuseConnection,
  });

  closeSilentConnections(server);
  boundPipelines(server);
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
    throw new ValetKeyError('not_found', 'There is nothing at this path.');
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
) {
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

// Node keeps the first of two such headers and a proxy in front may have kept the second.
const singleHeaders = new Set(['host', 'authorization', 'content-type', 'content-length', 'dpop']);

function refuseAmbiguousHeaders({ rawHeaders, headers, httpVersion }: IncomingMessage) {
  if (httpVersion === '0.9') throw new ValetKeyError('invalid_request', 'HTTP/0.9 is not spoken here.');
  // Others would hand on bytes that we take for the body itself.
  const { 'transfer-encoding': transferEncoding = 'chunked' } = headers;
  if (transferEncoding.toLowerCase() !== 'chunked') {
    throw new ValetKeyError('invalid_request', 'The header transfer-encoding has to be chunked.');
  }
  // Checked here, for Node's own refusal is empty.
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new ValetKeyError('invalid_request', 'The header host is missing.');
  }
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!singleHeaders.has(name)) continue;
    if (seen.has(name)) throw new ValetKeyError('invalid_request', `The header ${name} is there more than once.`);
    seen.add(name);
  }
}

/**
 * Adds the handlers of one path, and 405 with `Allow` for every other method. `onRequest` runs before the body is read:
 * a stranger's JSON is not parsed.
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
      throw new ValetKeyError('method_not_allowed', `This path takes ${methods.join(', ')}.`);
    },
    handler: async () => undefined,
  });
}
