import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { cutOff } from './sockets.ts';

/** The least progress of a request body: `minBytes` in each `windowMs`, unless the body ends. */
export interface BodyProgress {
  readonly windowMs: number;
  readonly minBytes: number;
}

/** Every body that a route reads whole has at most `minBytes`, so it arrives within one window. A longer one has no total time. */
export const defaultBodyProgress: BodyProgress = { windowMs: 15_000, minBytes: 16_384 };

/**
 * Refuses a request whose body stops or is very slow, as Node refuses slow headers. A total time would contradict options:
 * the largest allowed body may need minutes.
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
      // A response that was sent before the end of the body leaves nothing to say.
      if (response.writableFinished) cutOff(socket);
      else
        server.emit('clientError', Object.assign(new Error('slow body'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
    }, windowMs);
    timer.unref();
    // Not at the end of the response: a body that nobody needs would otherwise keep its connection for ever.
    request.once('close', () => clearInterval(timer));
  });
}

/** Returns whether a request announces a body of at least one byte, or of unknown length. */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': transferEncoding } = headers;
  return transferEncoding !== undefined || !/^0*$/.test(length);
}
