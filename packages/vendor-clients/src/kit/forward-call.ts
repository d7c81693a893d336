import { ValetKeyError, type ProxyRequest, type ProxyResponse } from '@valetkey/core-types';
import { z } from 'zod';
import { allowedCallSchema, isBatch, isBound, splitPattern } from './allowed-calls.ts';
import type { Operation } from './door/door.ts';
import { invalidResponseError } from './door/response.ts';
import type { StreamedResponse } from './door/stream.ts';
import { passRequestHeaders, passResponseHeaders } from './proxy-headers.ts';

/** The options of a vendor whose calls are forwarded, to be spread into its `options`. */
export const forwardOptions = {
  allow: z
    .array(allowedCallSchema)
    .check(({ value, issues }) => {
      if (!value.some(({ path }) => isBound(path))) return;
      for (const [place, { path }] of value.entries()) {
        if (isBound(path) || !splitPattern(path).some(isBatch)) continue;
        const message = 'cannot be on one list with a path of `{claim:…}`, because its body could name any path';
        issues.push({ code: 'custom', path: [place, 'path'], message, input: undefined });
      }
    })
    .default([])
    .describe('The calls that the broker forwards to the vendor. It refuses every other call.'),
  streamTimeoutMs: z
    .int()
    .min(1)
    .max(600_000)
    .default(60_000)
    .describe(
      'The longest time, in milliseconds from the arrival of its headers, that the body of a proxied response may take. It is also the longest time that waits for the body of a request may add to `timeoutMs`.',
    ),
  maxRequestBytes: z
    .int()
    .min(0)
    .max(104_857_600)
    .default(1_048_576)
    .describe('The maximum length of the body of a proxied request, in bytes.'),
  maxResponseBytes: z
    .int()
    .min(0)
    .max(1_073_741_824)
    .default(16_777_216)
    .describe('The maximum length of the body of a proxied response, in bytes.'),
};

/** The bounds of a proxied call, as {@link forwardOptions} parses them. */
export type ForwardLimits = Readonly<Record<'streamTimeoutMs' | 'maxRequestBytes' | 'maxResponseBytes', number>>;

/**
 * Sends a caller's request through the door: path, query, body and harmless headers are the caller's, and all other headers
 * are `credentials`. Both bodies are streamed, and neither is decoded. Rejects with `invalid_request` for a query that is not
 * percent-encoded and with `payload_too_large` for a body that is too long.
 *
 * With a `rateLimitKey`, such as the name of a customer, a 429 response holds only the calls with the same key.
 *
 * Check the request against the list of allowed calls first (`isCallAllowed`).
 *
 * @example
 * ```ts
 * const response = await forwardCall(operation, request, { authorization: `Bearer ${token.reveal()}` }, limits);
 * return toProxyResponse(response, limits);
 * ```
 */
export function forwardCall(
  operation: Operation,
  { method, path, query, headers, body }: ProxyRequest,
  credentials: Readonly<Record<string, string>>,
  limits: ForwardLimits,
  rateLimitKey?: string,
): Promise<StreamedResponse> {
  if (!/^(\?[\x21\x22\x24-\x7e]*)?$/.test(query)) {
    throw new ValetKeyError('invalid_request', 'The query contains characters that must be percent-encoded.');
  }
  const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD';
  // Checked before sending: a vendor that refused such a body halfway would seem to have broken the TCP connection.
  if (hasBody && Number(headers['content-length'] ?? 0) > limits.maxRequestBytes) {
    throw tooLongRequestError(limits.maxRequestBytes);
  }
  return operation.stream({
    method,
    path: `${path}${query}`,
    headers: { ...passRequestHeaders(headers), ...(hasBody && lengthOf(headers)), ...credentials },
    body: hasBody ? limitRequest(body, limits.maxRequestBytes) : undefined,
    repeatable: method === 'GET' || method === 'HEAD',
    rateLimitKey,
    uploadTimeoutMs: limits.streamTimeoutMs,
    maxResponseBytes: limits.maxResponseBytes,
  });
}

/**
 * Returns the vendor's response as the caller may receive it. Its body has `streamTimeoutMs` from now on. Throws
 * `vendor_response_invalid` for a part of a body (206) that does not say which part it is.
 */
export function toProxyResponse(
  response: StreamedResponse,
  { streamTimeoutMs }: Pick<ForwardLimits, 'streamTimeoutMs'>,
): ProxyResponse {
  const { vendor, status, headers, body, source, extend, discard } = response;
  if (status === 206 && !namesItsRange(headers)) {
    discard();
    throw invalidResponseError(vendor, 'part_without_range');
  }
  extend(streamTimeoutMs);
  return { status, headers: passResponseHeaders(headers, source), body };
}

/**
 * Returns whether a 206 has a `Content-Range` with a range. If it has several parts, each part has its own (RFC 9110 section
 * 15.3.7).
 */
function namesItsRange({ 'content-range': range, 'content-type': type = '' }: StreamedResponse['headers']): boolean {
  // `bytes */9` names the length alone.
  return /^[\w-]+ [^*\s]/.test(String(range)) || /^multipart\/byteranges\s*;/i.test(String(type));
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
  if (body.length > maxBytes) throw tooLongRequestError(maxBytes);
  return body;
}

function tooLongRequestError(maxBytes: number): ValetKeyError {
  return new ValetKeyError('payload_too_large', `The body is longer than ${maxBytes} bytes.`);
}

async function* limitBytes(body: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw tooLongRequestError(maxBytes);
    yield chunk;
  }
}
