import { ValetKeyError, type ProxyRequest } from '@valetkey/core-types';
import { splitBelow } from '@valetkey/vendor-clients';
import type { FastifyRequest } from 'fastify';
import type { Connection } from '../../vendors/connections.ts';

/** A body up to this size is buffered, so that it can be sent a second time. A longer body is streamed. */
const maxBufferedBytes = 65_536;

interface ProxyRequestContext {
  readonly connection: Connection;
  readonly caller: string;
  readonly signal: AbortSignal;
}

/**
 * Returns the request that the vendor receives. A path stays percent-encoded, as the caller sent it. Throws
 * `invalid_request` for a link that is not below the vendor's base URL.
 */
export async function readProxyRequest(
  request: FastifyRequest,
  { connection, caller, signal }: ProxyRequestContext,
): Promise<ProxyRequest> {
  const { method, raw, headers } = request;
  const { path, query } = splitTarget(raw.url ?? '');
  const target = path === '' ? readLink(query, connection) : { path, query };
  return { method, ...target, headers, body: await readBody(request), signal, caller };
}

interface Target {
  readonly path: string;
  readonly query: string;
}

/** The route has four segments, which a caller may encode. A proxy may send the whole URL (RFC 9112 section 3.2.2). */
const targetPattern = /^(?:https?:\/\/[^/?]*)?(?:\/[^/?]*){4}(\/[^?]*)?(\?.*)?$/is;

/** Returns what follows the route in the target of a request: a path, empty for `/proxy` alone, and the query. */
function splitTarget(target: string): Target {
  const [, path = '', query = ''] = targetPattern.exec(target) ?? [];
  return { path, query };
}

/** Reads the parameter `url`, an absolute link of the vendor. Only its path and query are used, so no token goes elsewhere. */
function readLink(query: string, { name, vendor }: Connection): Target {
  const parameters = new URLSearchParams(query);
  const [link, ...others] = parameters.getAll('url');
  const isSingle = link !== undefined && parameters.size === 1 && others.length === 0;
  const below = isSingle && vendor.proxy?.baseUrl !== undefined ? splitBelow(link, vendor.proxy.baseUrl) : undefined;
  if (below !== undefined) return below;
  throw new ValetKeyError('invalid_request', `The request names no URL below the base URL of ${name}.`, {
    vendor: vendor.id,
    remediation: 'Send a path after `/proxy`, or as `url` one absolute link that the vendor sent.',
  });
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
