import { request as openRequest, type ClientRequest, type IncomingMessage, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { checkFetchOptions, targetBelow, type FetchOptions } from './fetch-options.ts';
import { connectInMemory } from './memory-socket.ts';
import { connectionEventOf } from './sockets.ts';

/** The headers that belong to one connection (RFC 9110 section 7.6.1). The one in memory is not the one of the client. */
const connectionHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);
const framingHeaders = new Set([...connectionHeaders, 'transfer-encoding']);

/** The responses that have no body, whatever their headers say (Fetch standard, null body status). */
const emptyStatuses = new Set([204, 205, 304]);

/** The broker's own limit and the vendor's headers, of which each is at most 16 KiB. */
const maxResponseHeadBytes = 65_536;
const maxBufferedBytes = 65_536;

/**
 * Sends a request to a server through a connection in memory. Every rule of the server holds, because Node's own parser reads the
 * request. Resolves with the head of the response. Rejects with a `TypeError` for an option or a body that no HTTP message can have,
 * and with the reason of `request.signal`.
 */
export async function fetchFrom(server: Server, request: Request, options: FetchOptions): Promise<Response> {
  checkFetchOptions(options);
  const { signal, method } = request;
  signal.throwIfAborted();
  if (request.bodyUsed) {
    throw new TypeError(
      'broker.fetch: the body of the request was read before. Pass the request on, or a `clone()` of it.',
    );
  }
  const url = new URL(request.url);
  const path = targetBelow(url, options.pathPrefix);
  const ends = connectInMemory(options.clientAddress);
  const call = openRequest({
    createConnection: () => ends.client,
    method,
    path,
    headers: headersOf(request, url.host),
    maxHeaderSize: maxResponseHeadBytes,
  });
  server.emit(connectionEventOf(server), ends.server);
  const { body, headers } = request;
  if (body === null) call.end();
  else call.flushHeaders();
  const response = receive(call, signal);
  if (body !== null) {
    const fail = (reason: unknown) => call.destroy(toError(reason));
    // A body that fails has ended the call. After an early response, its rest is of no use.
    pipeline(countBytes(body, headers.get('content-length'), fail), call).catch(() => undefined);
  }
  return toResponse(await response, method);
}

/** Resolves with the response as soon as its head is complete. Until the response has ended, `signal` ends the call. */
function receive(call: ClientRequest, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined;
    const abort = () => {
      reject(signal.reason);
      // An error without a listener would end the process.
      response?.destroy(toError(signal.reason));
      call.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    call.on('close', () => signal.removeEventListener('abort', abort));
    call.on('response', (received) => {
      response = received;
      resolve(received);
    });
    call.on('error', reject);
  });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('The call was ended.', { cause: reason });
}

/** Returns the header fields of a request as names and values in turn. */
function headersOf({ headers, method, body }: Request, host: string): string[] {
  // Each connection serves one request.
  const fields = ['host', headers.get('host') ?? host, 'connection', 'close'];
  for (const [name, value] of headers) {
    const isSent = name !== 'host' && !connectionHeaders.has(name) && (body !== null || !isFraming(name));
    if (isSent) fields.push(name, value);
  }
  const hasLength = headers.has('content-length') || headers.has('transfer-encoding');
  if (body === null) {
    if (!['GET', 'HEAD', 'OPTIONS'].includes(method)) fields.push('content-length', '0');
  } else if (!hasLength) fields.push('transfer-encoding', 'chunked');
  return fields;
}

function isFraming(name: string): boolean {
  return name === 'content-length' || name === 'transfer-encoding';
}

/**
 * Yields the chunks of a body that has the declared length. For every other body, and for one that breaks off, it calls `onFailure`:
 * the server would read the rest of a longer one as a request of its own.
 */
async function* countBytes(
  body: AsyncIterable<Uint8Array>,
  declared: string | null,
  onFailure: (reason: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const length = declared === null ? undefined : Number(declared);
  let sent = 0;
  try {
    for await (const chunk of body) {
      sent += chunk.byteLength;
      if (length !== undefined && sent > length) break;
      yield chunk;
    }
  } catch (reason) {
    onFailure(reason);
    return;
  }
  if (length === undefined || sent === length) return;
  onFailure(new TypeError('broker.fetch: the body of the request does not have the length of its `content-length`.'));
}

function toResponse(message: IncomingMessage, method: string): Response {
  const { statusCode: status = 500, statusMessage: statusText = '', rawHeaders } = message;
  const headers = new Headers();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!framingHeaders.has(name.toLowerCase())) headers.append(name, value);
  }
  const isEmpty = method === 'HEAD' || emptyStatuses.has(status);
  if (isEmpty) message.resume();
  return new Response(isEmpty ? null : streamOf(message), { status, statusText, headers });
}

function streamOf(message: IncomingMessage): ReadableStream {
  // Without a strategy, some versions of Node count chunks and not bytes.
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: maxBufferedBytes });
  return Readable.toWeb(message, { strategy }) as ReadableStream;
}
