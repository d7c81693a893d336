import { proxyResponseHeaders } from '@valetkey/vendor-clients';
import { ValetKeyError } from '@valetkey/core-types';
import type { FastifyRequest } from 'fastify';

/**
 * The header that marks a response as one of a broker. Its value says who wrote the response: `broker`, or `vendor` for the
 * response to a proxied call. A client can thus tell both from the page of a gateway or of a network's sign-in.
 */
export const markHeader = 'valet-key';

/** The headers of responses that a web page of an allowed origin may read. */
export const exposedHeaders: string[] = [
  markHeader,
  'date',
  'dpop-nonce',
  'retry-after',
  'www-authenticate',
  'x-request-id',
  ...proxyResponseHeaders,
];

const loopbackOrigin = /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;

/** Returns what the allowed origins of the configuration match. */
export function originPatterns(origins: readonly string[]): (string | RegExp)[] {
  return origins.map((origin) => (origin === 'loopback' ? loopbackOrigin : origin));
}

/** Returns the headers that let a web page read a response (Fetch standard, CORS). They are empty for an origin that is not allowed. */
export function crossOriginHeaders(
  patterns: readonly (string | RegExp)[],
  origin: string | undefined,
): Readonly<Record<string, string>> {
  if (patterns.length === 0) return {};
  const isAllowed =
    origin !== undefined &&
    patterns.some((pattern) => (typeof pattern === 'string' ? pattern === origin : pattern.test(origin)));
  if (!isAllowed) return { vary: 'Origin' };
  const exposed = exposedHeaders.join(', ');
  return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': exposed };
}

/** Refuses an OPTIONS request that is not a preflight. Otherwise the CORS plugin would respond with its own text. */
export function refusePlainOptions({ headers }: FastifyRequest): void {
  const isPreflight = headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
  if (!isPreflight) {
    throw new ValetKeyError('invalid_request', 'OPTIONS is only for the preflight requests of browsers.');
  }
}
