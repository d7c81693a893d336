import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import { toProblem } from './problem.ts';

/** A request that is on its way when the server closes arrives within this time. */
const sweepMs = 500;
/** The body of a request that had begun arrives within this time. */
const lateBodyMs = 5_000;
/** Requests of one connection that are under way at once. */
const maxUnanswered = 32;

/**
 * Ends a connection that sends more requests than anybody does before it reads their answers. Each answer would be kept
 * for it, and a few bytes of request bring some thousand of answer.
 */
export function boundPipelines({ server }: FastifyInstance): void {
  const unanswered = new WeakMap<Socket, number>();
  const count = (socket: Socket, change: number): number => {
    const left = (unanswered.get(socket) ?? 0) + change;
    unanswered.set(socket, left);
    return left;
  };
  server.on('request', ({ socket }, response) => {
    response.once('close', () => count(socket, -1));
    if (count(socket, 1) > maxUnanswered) socket.destroy();
  });
}

/**
 * Ends, once the server closes, the connections on which nobody waits for an answer. Node takes one that has sent a part
 * of a request for a busy one, leaves one open whose last answer was begun before, and times nothing any more.
 */
export function closeSilentConnections(server: FastifyInstance): void {
  /** The request that each connection waits to be answered; none where nobody waits. */
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

const connectionRefusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The header fields are too large.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The request did not arrive in time.',
};

/** Answers bytes that are no request, where the answer cannot be taken for a part of another one. */
export function refuseConnection({ code }: { code?: string }, socket: Socket): void {
  // A pipelined request may be broken while the answer to the one before it is on its way. Node knows which that is.
  const { _httpMessage: underway } = socket as Socket & { _httpMessage?: ServerResponse | null };
  if (!socket.writable || underway?.headersSent === true) {
    socket.destroy();
    return;
  }
  const detail = connectionRefusals[code ?? ''] ?? 'The request is not valid HTTP.';
  const body = JSON.stringify(toProblem(new ValetKeyError('invalid_request', detail), randomUUID()));
  socket.end(
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nCache-Control: no-store\r\n' +
      `Content-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
