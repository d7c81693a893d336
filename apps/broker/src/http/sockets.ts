import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance } from 'fastify';
import { toProblem } from './errors/problem.ts';

/** A request that was in transit when the server started to close arrives within this time. */
const sweepMs = 500;
/** The rest of a body that had begun arrives within this time. */
const lateBodyMs = 5_000;
/** Returns the response that Node is writing to a socket, or undefined between requests. */
function responseOf(socket: Socket): ServerResponse | undefined {
  const { _httpMessage: response } = socket as Socket & { readonly _httpMessage?: ServerResponse | null };
  return response ?? undefined;
}

/**
 * While the server closes, closes the connections without a pending request. Node counts a connection that has sent part
 * of a request as busy, leaves one open whose last response began before, and stops checking its timeouts.
 */
export function closeIdleSockets(server: FastifyInstance): void {
  const sockets = new Set<Socket>();
  const listener = server.server;
  listener.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.addHook('preClose', async () => {
    const startedAtMs = performance.now();
    const sweep = setInterval(() => {
      const isLate = performance.now() - startedAtMs > lateBodyMs;
      for (const socket of sockets) {
        const request = responseOf(socket)?.req;
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
  // A pipelined request may be malformed while the response to the previous one is being sent.
  if (!socket.writable || responseOf(socket)?.headersSent === true) {
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
