import type { ProxyRequest } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';

/** Bodies up to this size are held, so that they can be sent a second time; longer ones stream through. */
const maxHeldBytes = 65_536;

/** What a caller asks of a vendor, taken from the request as it came: the path stays percent-encoded. */
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
  // What a GET brings along has no meaning (RFC 9110 section 9.3.1).
  if (method === 'GET' || method === 'HEAD') return undefined;
  if (length > maxHeldBytes) return raw;
  return holdWhole(raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
}

/** Reads a body to its end; one that turns out longer than is held is given back with what was read of it. */
async function holdWhole(chunks: AsyncIterator<Buffer>): Promise<ProxyRequest['body']> {
  const held: Buffer[] = [];
  for (let length = 0; length <= maxHeldBytes;) {
    const { done, value } = await chunks.next();
    if (done === true) return Buffer.concat(held, length);
    held.push(value);
    length += value.length;
  }
  return (async function* () {
    yield* held;
    yield* { [Symbol.asyncIterator]: () => chunks };
  })();
}
