import type { ProxyRequest } from '@valetkey/core-types';
import type { ResponseHeaders } from './door/response.ts';

/** The caller's headers that reach the vendor. Credentials, cookies, hop-by-hop and forwarding headers do not. */
export const proxyRequestHeaders = [
  'accept',
  'accept-encoding',
  'accept-language',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'isolation',
  'odata-isolation',
  'odata-maxversion',
  'odata-version',
  'prefer',
  'range',
  'repeatability-client-id',
  'repeatability-first-sent',
  'repeatability-request-id',
] as const;

/**
 * The vendor's headers that reach the caller. Cookies, hop-by-hop headers and the vendor's internals do not, and no response
 * may be cached. `location` passes only if it is below the vendor's base URL.
 */
export const proxyResponseHeaders = [
  'accept-ranges',
  'allow',
  'asyncresult',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'entityid',
  'etag',
  'last-modified',
  'link',
  'location',
  'odata-entityid',
  'odata-error',
  'odata-version',
  'preference-applied',
  'repeatability-result',
  'retry-after',
] as const;

/** Returns the headers of the caller that are passed on to the vendor. The values of a repeated header are joined. */
export function passRequestHeaders(headers: ProxyRequest['headers']): Record<string, string> {
  return pass(proxyRequestHeaders, headers);
}

/** Where a response came from. */
export interface ResponseSource {
  /** The vendor's base URL. */
  readonly baseUrl: string;
  /** The URL that was called. */
  readonly url: string;
}

/**
 * Returns the headers of the vendor that are passed on to the caller. `location` is dropped without `source`, and if the
 * vendor repeats it.
 */
export function passResponseHeaders(headers: ResponseHeaders, source?: ResponseSource): Record<string, string> {
  const { location: _, ...passed } = pass(proxyResponseHeaders, headers);
  const { location } = headers;
  const target = typeof location === 'string' && source !== undefined && resolveBelow(location, source);
  return target ? { ...passed, location: target } : passed;
}

/** Returns the absolute URL of a reference if it is below the base URL. */
function resolveBelow(reference: string, { baseUrl, url }: ResponseSource): string | undefined {
  if (!URL.canParse(reference, url)) return undefined;
  const { href } = new URL(reference, url);
  return splitBelow(href, baseUrl) === undefined ? undefined : href;
}

/**
 * Returns the path (below the base URL) and the query of an absolute URL, or undefined if the URL is not below the base URL.
 *
 * @example
 * ```ts
 * splitBelow('https://api.example.com/v1/Patients?$skip=10', 'https://api.example.com/v1');
 * // { path: '/Patients', query: '?$skip=10' }
 * ```
 */
export function splitBelow(link: string, baseUrl: string): { path: string; query: string } | undefined {
  if (!URL.canParse(link)) return undefined;
  const [target, base] = [new URL(link), new URL(baseUrl)];
  const basePath = base.pathname.replace(/\/+$/, '');
  const isBelow = target.origin === base.origin && target.pathname.startsWith(`${basePath}/`);
  if (!isBelow || target.username !== '' || target.password !== '') return undefined;
  return { path: target.pathname.slice(basePath.length), query: target.search };
}

function pass(
  names: readonly string[],
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  // These headers are for one TCP connection (RFC 9110 section 7.6.1).
  const hopByHop = String(headers['connection'] ?? '')
    .toLowerCase()
    .split(/[\s,]+/);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return value === undefined || hopByHop.includes(name)
        ? []
        : [[name, typeof value === 'string' ? value : value.join(', ')]];
    }),
  );
}
