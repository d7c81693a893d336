import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { parseForeignJson, ValetKeyError } from '@valetkey/core-types';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';

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

/** A socket is read up to these bounds after the last response, if its request body was not read to the end. */
const maxLingerBytes = 16_777_216;
const maxLingerMs = 10_000;

/**
 * Reads the rest of a body that was not read before its connection closes (RFC 9112 section 9.6). Otherwise the system would
 * reset the connection, and a client or proxy that is still sending might lose the response.
 */
export function lingerAfterUnreadBody({ server }: FastifyInstance): void {
  const latest = new WeakMap<Socket, IncomingMessage>();
  server.on('request', (request) => void latest.set(request.socket, request));
  server.on('connection', (socket) => {
    const close = socket.destroySoon.bind(socket);
    // Node calls this function after the last response of a connection.
    socket.destroySoon = () => (latest.get(socket)?.complete === false ? linger(socket) : close());
  });
}

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

export function parseJson(
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
      done(new ValetKeyError('unsupported_media_type', 'This route does not accept the media type of the body.'));
    });
  });
}

/** Forgets the media type of a request that has no body. Some clients send one, even an invalid one, with every request. */
export const forgetMediaType: onRequestAsyncHookHandler = async ({ raw }) => {
  if (!hasBody(raw)) delete raw.headers['content-type'];
};
