import type { ProxyRequest } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';

/** Bodies up to this size are held, so that they can be sent a second time; larger ones stream through. */
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

async function readBody({ raw, headers }: FastifyRequest): Promise<ProxyRequest['body']> {
  const length = Number(headers['content-length'] ?? Number.NaN);
  if (length === 0 || (Number.isNaN(length) && headers['transfer-encoding'] === undefined)) return undefined;
  if (Number.isNaN(length) || length > maxHeldBytes) return raw;
  const chunks: Uint8Array[] = [];
  for await (const chunk of raw) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
