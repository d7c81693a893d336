import type { ProxyRequest } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';

/** A body up to this size is buffered, so that it can be sent a second time. A longer body is streamed. */
const maxBufferedBytes = 65_536;

/** Returns the request that the vendor receives. The path stays percent-encoded, as the caller sent it. */
export async function readProxyRequest(request: FastifyRequest, signal: AbortSignal): Promise<ProxyRequest> {
  const { method, raw, headers } = request;
  const { path, query } = splitTarget(raw.url ?? '');
  return { method, path, query, headers, body: await readBody(request), signal };
}

function splitTarget(target: string): { path: string; query: string } {
  const [, rest = ''] = /^\/v1\/vendors\/[^/]+\/proxy(\/.*)$/s.exec(target) ?? [];
  const start = rest.indexOf('?');
  return start < 0 ? { path: rest, query: '' } : { path: rest.slice(0, start), query: rest.slice(start) };
}

async function readBody({ method, raw, headers }: FastifyRequest): Promise<ProxyRequest['body']> {
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (length === 0 || (Number.isNaN(length) && headers['transfer-encoding'] === undefined)) return undefined;
  // The body of a GET has no meaning (RFC 9110 section 9.3.1).
  if (method === 'GET' || method === 'HEAD') return undefined;
  if (length > maxBufferedBytes) return raw;
  return buffer(raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
}

/** Buffers a body. If the body is too long, returns a stream of the whole body, which begins with the buffered bytes. */
async function buffer(chunks: AsyncIterator<Buffer>): Promise<ProxyRequest['body']> {
  const buffered: Buffer[] = [];
  for (let length = 0; length <= maxBufferedBytes;) {
    const { done, value } = await chunks.next();
    if (done === true) return Buffer.concat(buffered, length);
    buffered.push(value);
    length += value.length;
  }
  return (async function* () {
    yield* buffered;
    yield* { [Symbol.asyncIterator]: () => chunks };
  })();
}
