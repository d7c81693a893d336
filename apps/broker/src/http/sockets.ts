import { randomUUID } from 'node:crypto';
import type { RequestListener, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { codeOfForeignError, ValetKeyError } from '@valetkey/core-types';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { toProblem } from './errors/problem.ts';

/** How often idle sockets are closed. A request that was in transit when the server began to close arrives within this time. */
const sweepMs = 500;

/** Returns the response that Node is writing to a socket, or undefined between requests. */
function responseOf(socket: Socket): ServerResponse | undefined {
  const { _httpMessage: response } = socket as Socket & { readonly _httpMessage?: ServerResponse | null };
  return response ?? undefined;
}

/** The open sockets of this process, each with the server that accepted it. */
const openSockets = new Map<Socket, Server>();

/** Treats the socket of another server as one of this server until the returned function is called. */
export function holdSocket(server: Server, socket: Socket): () => void {
  openSockets.set(socket, server);
  return () => openSockets.delete(socket);
}

function socketsOf(server: Server): Socket[] {
  return [...openSockets].filter(([, owner]) => owner === server).map(([socket]) => socket);
}

/** Returns the socket under the TLS of a socket, or undefined if the socket has no TLS. */
function rawSocketOf(socket: Socket): Socket | undefined {
  const { _parent: parent } = socket as Socket & { readonly _parent?: Socket | null };
  return parent ?? undefined;
}

/** The event with which a server announces a socket that carries HTTP: with TLS, after the handshake. */
export function connectionEventOf(server: Server): 'connection' | 'secureConnection' {
  return server instanceof TlsServer ? 'secureConnection' : 'connection';
}

/**
 * Ends a TCP connection at once. If a response has begun, the end is a reset: to a client that knows no length of the body
 * (HTTP/1.0), a regular end would mean that the body is complete.
 */
export function cutOff(socket: Socket): void {
  // Only the socket of TCP can be reset; the one of TLS closes with it.
  if (responseOf(socket)?.headersSent === true) (rawSocketOf(socket) ?? socket).resetAndDestroy();
  else socket.destroy();
}

/** Makes each early end of a TCP connection visible to its client: also at a timeout, and when the process exits. */
export function cutOffVisibly({ server }: FastifyInstance): void {
  if (!process.listeners('exit').includes(cutOffAll)) process.on('exit', cutOffAll);
  server.on('timeout', cutOff);
  const remember = (socket: Socket) => {
    openSockets.set(socket, server);
    socket.once('close', () => openSockets.delete(socket));
  };
  // With TLS, this socket is in the handshake. The socket that carries HTTP takes its place.
  server.on('connection', remember);
  if (server instanceof TlsServer) {
    server.on('secureConnection', (socket: Socket) => {
      const raw = rawSocketOf(socket);
      if (raw !== undefined) openSockets.delete(raw);
      remember(socket);
    });
  }
}

function cutOffAll(): void {
  for (const socket of openSockets.keys()) cutOff(socket);
}

/**
 * While the server closes, closes the sockets that have no pending request. Node would keep some of them open without a timeout:
 * those that have received a part of a request, and those whose last response began before the server closed.
 */
export function closeIdleSockets(server: FastifyInstance): void {
  const listener = server.server;
  server.addHook('preClose', async () => {
    const sweep = setInterval(() => {
      for (const socket of socketsOf(listener)) if (responseOf(socket) === undefined) cutOff(socket);
    }, sweepMs);
    listener.once('close', () => clearInterval(sweep));
  });
}

/** A socket is read up to these bounds after the last response, if its request body was not read to the end. */
const maxLingerBytes = 16_777_216;
const maxLingerMs = 10_000;

/** Ends the writable side, and drops what arrives until the peer ends its side too. */
export function linger(socket: Socket): void {
  let left = maxLingerBytes;
  const timer = setTimeout(() => socket.destroy(), maxLingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
  // Without its listeners, Node parses no further request.
  socket.removeAllListeners('data').once('end', () => socket.destroy());
  socket.on('data', (chunk) => {
    left -= chunk.length;
    if (left < 0) socket.destroy();
  });
  socket.end();
  socket.resume();
}

/** The routes of one configuration, and the requests that they serve. */
export interface Routes {
  readonly handle: RequestListener;
  /** Refuses a request of a saturated broker, which no route serves. */
  readonly refuse: RequestListener;
  /** The number of requests that run now. */
  running: number;
  /** Called when the last of these requests has ended. */
  onIdle?: (() => void) | undefined;
}

/** The routes by which a listener serves the requests that begin now. */
export interface Routing {
  current: Routes;
}

export interface RequestHeadRules {
  /** The host names that requests may use besides loopback names and the address that received the request. Absent: every name. */
  readonly hostNames?: readonly string[] | undefined;
  /** Whether the CORS plugin responds to OPTIONS. */
  readonly hasCors: boolean;
}

/** The least progress of a request body: `minBytes` in each `windowMs`, unless the body ends. */
export interface BodyProgress {
  readonly windowMs: number;
  readonly minBytes: number;
}

/**
 * A route that reads its whole body accepts at most `minBytes`, so that body must arrive within one window. A longer, streamed
 * body has no total limit.
 */
export const defaultBodyProgress: BodyProgress = { windowMs: 15_000, minBytes: 16_384 };

interface RunningCallsOptions {
  readonly timeoutMs: number;
  readonly logger: FastifyBaseLogger;
}

/**
 * Cuts off the calls of these servers that still run after `timeoutMs`: uploads and streams would otherwise run for minutes.
 * Logs how many calls run now and how many are cut off. Returns the function that ends the wait.
 */
export function limitRunningCalls(
  servers: readonly FastifyInstance[],
  { timeoutMs, logger }: RunningCallsOptions,
): () => void {
  const listRunning = () =>
    servers.flatMap(({ server }) => socketsOf(server)).filter((socket) => responseOf(socket) !== undefined);
  const running = listRunning().length;
  if (running > 0) logger.info({ running, timeoutMs }, 'waiting for running calls');
  const timer = setTimeout(() => {
    const sockets = listRunning();
    if (sockets.length > 0) logger.warn({ running: sockets.length, timeoutMs }, 'running calls were cut off');
    for (const socket of sockets) cutOff(socket);
  }, timeoutMs);
  return () => clearTimeout(timer);
}

const details: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The header fields are too large.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The request did not arrive in time.',
};

interface SocketRefusalDependencies {
  readonly logger: FastifyBaseLogger;
  readonly countError: (error: ValetKeyError) => void;
}

/** Creates the handler of bytes that are not an HTTP request: it counts, logs and sends a problem, and closes the socket. */
export function createSocketRefusal({ logger, countError }: SocketRefusalDependencies) {
  return (failure: Error, socket: Socket): void => {
    // The handshake failed, so no text can reach the client: scanners and clients without the authority's certificate do this.
    if (!openSockets.has(socket)) {
      logger.debug({ reason: codeOfForeignError(failure) }, 'TLS handshake failed');
      socket.destroy();
      return;
    }
    // After the head of a response to an earlier request, a client would read these bytes as the body of that response.
    if (!socket.writable || responseOf(socket)?.headersSent === true) {
      cutOff(socket);
      return;
    }
    const requestId = randomUUID();
    const reason = codeOfForeignError(failure);
    const detail = details[reason ?? ''] ?? 'The request is not valid HTTP.';
    const error = new ValetKeyError('invalid_request', detail, { reason });
    countError(error);
    logger.debug({ requestId, code: error.code, reason }, 'refused');
    const body = JSON.stringify(toProblem(error, { requestId }));
    socket.write(
      'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n' +
        `X-Request-Id: ${requestId}\r\nValet-Key: broker\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    linger(socket);
  };
}
