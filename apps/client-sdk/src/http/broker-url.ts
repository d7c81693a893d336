import { invalidRequest } from '../checks/arguments.ts';

const httpsHost = String.raw`https:\/\/(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])`;
const loopbackHost = String.raw`http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])`;
const portAndPath = String.raw`(?::\d{1,5})?(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*\/?`;

/** The client checks URLs with a pattern, because most properties of React Native's `URL` throw. */
const baseUrlPattern = new RegExp(`^(?:${httpsHost}|${loopbackHost})${portAndPath}$`, 'i');

export function isBaseUrl(value: unknown): value is string {
  return typeof value === 'string' && baseUrlPattern.test(value);
}

const originPattern = /^(https?):\/\/([^/?#]*)/i;
const defaultPort: Readonly<Record<string, RegExp>> = { http: /:80$/, https: /:443$/ };

/** Returns the scheme, host and port of an absolute URL. */
export function originOf(url: string): string | undefined {
  try {
    // It writes an IP address in its shortest form. React Native's `URL` throws.
    return new URL(url).origin;
  } catch {
    const [, scheme = '', host = ''] = originPattern.exec(url.toLowerCase()) ?? [];
    return scheme === '' ? undefined : `${scheme}://${host.replace(defaultPort[scheme] ?? '', '')}`;
  }
}

const connectionPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/i;

/** Returns whether a value can be the name of a connection of the broker. */
export function isConnectionName(value: unknown): value is string {
  return typeof value === 'string' && connectionPattern.test(value);
}

/** Excludes control characters, spaces, backslashes and fragments: URL parsers drop or rewrite them. */
// eslint-disable-next-line no-control-regex
const pathPattern = /^\/(?!\/)[^\u0000-\u0020\u007f\\#?]*$/;
// eslint-disable-next-line no-control-regex
const queryPattern = /^[^\u0000-\u001f\u007f#]*$/;
const dotSegment = /^(?:\.|%2e){1,2}$/i;

/** Returns the URL of a vendor at the broker. Throws `invalid_request` for an invalid name. */
export function vendorUrl(brokerUrl: string, vendor: string): string {
  if (!isConnectionName(vendor)) {
    throw invalidRequest(
      'The vendor must be the name of a connection, such as `nabla`.',
      'Use a name that `valet.session()` lists under `vendors`.',
    );
  }
  return `${brokerUrl}/v1/vendors/${vendor}`;
}

/**
 * Returns the URL of a proxied call. It is always below the vendor's proxy: the function refuses every path in which a
 * URL parser would resolve or drop a part, and then joins the parts as text. Throws `invalid_request`. An absolute link,
 * such as `@odata.nextLink`, becomes a parameter, and the broker checks that it is below the vendor's base URL.
 */
export function proxyUrl(brokerUrl: string, vendor: string, path: string): string {
  if (typeof path !== 'string') {
    throw invalidRequest(
      'The path must be a string.',
      "Pass the path of the vendor's API, such as `/Patients`.",
      vendor,
    );
  }
  // The broker accepts only links below the vendor's base URL, which it knows.
  if (/^https?:\/\//i.test(path)) return `${vendorUrl(brokerUrl, vendor)}/proxy?url=${encodeLink(path, vendor)}`;
  return `${vendorUrl(brokerUrl, vendor)}/proxy${checkPath(path, vendor)}`;
}

/** Returns a path with its query. Throws `invalid_request` if a URL parser would resolve or drop a part of it. */
export function checkPath(path: string, vendor: string): string {
  const [, pathname = '', query = ''] = /^([^?]*)(.*)$/s.exec(path) ?? [];
  if (
    pathPattern.test(pathname) &&
    queryPattern.test(query) &&
    !pathname.split('/').some((part) => dotSegment.test(part))
  ) {
    return path;
  }
  throw invalidRequest(
    'The path must stay below the proxy of the vendor.',
    'Start the path with one `/`, without `.` or `..` segments, `\\` or `#`; encode spaces as `%20`.',
    vendor,
  );
}

function encodeLink(link: string, vendor: string): string {
  try {
    return encodeURIComponent(link);
  } catch {
    throw invalidRequest('The link contains half of a character.', undefined, vendor);
  }
}
