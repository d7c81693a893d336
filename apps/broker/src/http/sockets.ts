import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import { toProblem } from './errors/problem.ts';

/** A request that was in transit when the server started to close arrives within this time. */
const sweepMs = 500;
/** The rest of a body that had begun arrives within this time. */
const lateBodyMs = 5_000;
/** The most requests of one connection that may be pending at once. */
const maxPipelinedRequests = 32;

/**
 * Closes a connection that pipelines more requests than any real client does. Each response would be buffered for it, and
 * a request of a few bytes causes a response of several thousand.
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
    if (count(socket, 1) > maxPipelinedRequests) socket.destroy();
  });
}

/**
 * While the server closes, closes the connections without a pending request. Node counts a connection that has sent part
 * of a request as busy, leaves one open whose last response began before, and stops checking its timeouts.
 */
export function closeIdleSockets(server: FastifyInstance): void {
  /** The pending request of each connection. */
  const requests = new Map<Socket, IncomingMessage | undefined>();
  const listener = server.server;
  listener.on('connection', (socket) => {
    requests.set(socket, undefined);
    socket.once('close', () => requests.delete(socket));
  });
  listener.on('request', (request, response) => {
    requests.set(request.socket, request);
    response.once('close', () => {
      if (requests.get(request.socket) === request) requests.set(request.socket, undefined);
    });
  });
  server.addHook('preClose', async () => {
    const startedAtMs = performance.now();
    const sweep = setInterval(() => {
      const isLate = performance.now() - startedAtMs > lateBodyMs;
      for (const [socket, request] of requests) {
        if (request === undefined || (isLate && !request.complete)) socket.destroy();
      }
    }, sweepMs);
    listener.once('close', () => clearInterval(sweep));
  });
}

const details: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The header fields are too large.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The request did not arrive in time.',
};

/** Responds to bytes that are not a request, unless the response could be taken for part of another one. */
export function refuseConnection({ code }: { code?: string }, socket: Socket): void {
  // A pipelined request may be malformed while the response to the previous one is being sent; Node keeps that response here.
  const { _httpMessage: underway } = socket as Socket & { _httpMessage?: ServerResponse | null };
  if (!socket.writable || underway?.headersSent === true) {
    socket.destroy();
    return;
  }
  const error = new ValetKeyError('invalid_request', details[code ?? ''] ?? 'The request is not valid HTTP.');
  const body = JSON.stringify(toProblem(error, { requestId: randomUUID() }));
  socket.end(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nCache-Control: no-store\r\n' +
      `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
