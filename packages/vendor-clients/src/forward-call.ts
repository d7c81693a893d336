import { ValetKeyError, type ProxyRequest, type ProxyResponse } from '@valetkey/core-types';
import type { Operation, StreamAnswer } from './door/door.ts';
import { passRequestHeaders, passResponseHeaders } from './proxy-headers.ts';

/** How far a proxied call may go. */
export interface ForwardLimits {
  /** Most bytes of the caller's body. */
  readonly maxRequestBytes: number;
  /** Most bytes of the vendor's body. */
  readonly maxResponseBytes: number;
  /** Total time for the vendor's body, in milliseconds. */
  readonly streamTimeoutMs: number;
}

/**
 * Sends a caller's request through the door: path, query, body and the harmless headers are the caller's, everything
 * else is ours. Both bodies stream; neither is decoded.
 */
export function forwardCall(
  operation: Operation,
  { method, path, query, headers, body }: ProxyRequest,
  credentials: Readonly<Record<string, string>>,
  limits: ForwardLimits,
): Promise<StreamAnswer> {
  if (!/^(\?[\x21\x22\x24-\x7e]*)?$/.test(query)) {
    throw new ValetKeyError('invalid_request', 'The query holds characters that have to be percent-encoded.');
  }
  const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD';
  // By what it says of itself, before a vendor that refuses it midway looks like one that breaks off.
  if (hasBody && Number(headers['content-length'] ?? 0) > limits.maxRequestBytes) {
    throw tooLongRequest(limits.maxRequestBytes);
  }
  return operation.stream({
    method,
    path: `${path}${query}`,
    headers: { ...passRequestHeaders(headers), ...(hasBody && lengthOf(headers)), ...credentials },
    body: hasBody ? limitRequest(body, limits.maxRequestBytes) : undefined,
    repeatable: method === 'GET' || method === 'HEAD',
    maxResponseBytes: limits.maxResponseBytes,
  });
}

/** The vendor's answer as the caller may see it. From here on its body has a time of its own. */
export function toProxyResponse({ status, headers, body, extend }: StreamAnswer, limits: ForwardLimits): ProxyResponse {
  extend(limits.streamTimeoutMs);
  return { status, headers: passResponseHeaders(headers), body };
}

function lengthOf(headers: ProxyRequest['headers']): { 'content-length'?: string } {
  const length = headers['content-length'];
  return typeof length === 'string' && /^\d{1,12}$/.test(length) ? { 'content-length': length } : {};
}

function limitRequest(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  maxBytes: number,
): AsyncIterable<Uint8Array> | Uint8Array {
  if (!(body instanceof Uint8Array)) return limitBytes(body, maxBytes);
  if (body.length > maxBytes) throw tooLongRequest(maxBytes);
  return body;
}

function tooLongRequest(maxBytes: number): ValetKeyError {
  return new ValetKeyError('payload_too_large', `The body is longer than ${maxBytes} bytes.`);
}

async function* limitBytes(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw tooLongRequest(maxBytes);
    yield chunk;
  }
}
