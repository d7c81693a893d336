import type { ProxyRequest } from '@valetkey/core-types';
import type { AnswerHeaders } from './door/answer.ts';

/** What a caller may tell the vendor. All else is dropped: credentials, cookies, hop-by-hop and forwarding headers. */
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

/** What a vendor may tell the caller. All else is dropped: cookies, hop-by-hop headers and the vendor's internals. */
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

/** The caller's headers that are passed on. Where one came twice, its values are joined. */
export function passRequestHeaders(headers: ProxyRequest['headers']): Record<string, string> {
  return pass(requestHeaders, headers);
}

/** The vendor's headers that are passed on. */
export function passResponseHeaders(headers: AnswerHeaders): Record<string, string> {
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
