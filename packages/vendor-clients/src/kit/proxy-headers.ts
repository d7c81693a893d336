import { isUtf8 } from 'node:buffer';
import type { ProxyRequest } from '@valetkey/core-types';
import type { ResponseHeaders } from './door/response.ts';

/** The caller's headers that reach the vendor. Credentials, cookies, hop-by-hop and forwarding headers do not. */
export const proxyRequestHeaders = [
  'accept',
  'accept-encoding',
  'accept-language',
  'content-digest',
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
  'repr-digest',
] as const;

/**
 * The vendor's headers that reach the caller. Cookies, hop-by-hop headers and the vendor's internals do not, and no response
 * may be cached. `location` passes only if it is below the vendor's base URL.
 */
export const proxyResponseHeaders = [
  'accept-ranges',
  'allow',
  'asyncresult',
  'content-digest',
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
  'repr-digest',
  'retry-after',
] as const;

/**
 * Returns the headers of the caller that are passed on to the vendor, with those that `more` names in lower case. The values of
 * a repeated header are joined.
 */
export function passRequestHeaders(
  headers: ProxyRequest['headers'],
  more: readonly string[] = [],
): Record<string, string> {
  return pass([...proxyRequestHeaders, ...more], headers);
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

/** Returns the absolute URL of a reference if it is below the base URL. The URL has the scheme of the base URL. */
function resolveBelow(header: string, { baseUrl, url }: ResponseSource): string | undefined {
  const reference = decodeUtf8(header);
  if (!URL.canParse(reference, url)) return undefined;
  const { href, hash } = new URL(reference, url);
  const below = splitBelow(href, baseUrl);
  return below && `${new URL(baseUrl).origin}${basePathOf(baseUrl)}${below.path}${below.query}${hash}`;
}

/** Decodes UTF-8 from a header, which has one character for each byte. Returns any other header unchanged. */
function decodeUtf8(header: string): string {
  const bytes = Buffer.from(header, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : header;
}

const basePathOf = (baseUrl: string): string => new URL(baseUrl).pathname.replace(/\/+$/, '');

/**
 * Returns the path (below the base URL) and the query of an absolute URL, or undefined if the URL is not below the base URL.
 * A link with `http` to the host of an `https` base URL counts as below it: vendors behind a proxy that ends TLS write such
 * links.
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
  const basePath = basePathOf(baseUrl);
  const isSameServer = target.origin === base.origin || target.origin === withoutTls(base);
  const isBelow = isSameServer && target.pathname.startsWith(`${basePath}/`);
  if (!isBelow || target.username !== '' || target.password !== '') return undefined;
  return { path: target.pathname.slice(basePath.length), query: target.search };
}

/** Returns the origin of an https URL with the scheme `http`, if both use the usual port of their scheme. */
function withoutTls({ protocol, port, hostname }: URL): string | undefined {
  return protocol === 'https:' && port === '' ? `http://${hostname}` : undefined;
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
