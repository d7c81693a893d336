import type { ProxyRequest } from '@valetkey/core-types';
import type { ResponseHeaders } from './door/response.ts';

/** The caller's headers that reach the vendor. Credentials, cookies, hop-by-hop and forwarding headers do not. */
const requestHeaders = [
  'accept',
  'accept-encoding',
  'accept-language',
  'content-encoding',
  'content-language',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'odata-isolation',
  'odata-maxversion',
  'odata-version',
  'prefer',
] as const;

/** The vendor's headers that reach the caller. Cookies, hop-by-hop headers and the vendor's internals do not. */
export const proxyResponseHeaders = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-type',
  'etag',
  'last-modified',
  'odata-version',
  'preference-applied',
] as const;

/** Returns the headers of the caller that are passed on to the vendor. The values of a repeated header are joined. */
export function passRequestHeaders(headers: ProxyRequest['headers']): Record<string, string> {
  return pass(requestHeaders, headers);
}

/** Returns the headers of the vendor that are passed on to the caller. */
export function passResponseHeaders(headers: ResponseHeaders): Record<string, string> {
  return pass(proxyResponseHeaders, headers);
}

function pass(
  names: readonly string[],
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(', ')]];
    }),
  );
}
