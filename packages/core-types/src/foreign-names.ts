/**
 * Returns whether a `Host` header is a loopback name, the address that received the request, or one of `hostNames`. A web page
 * of any site can make its own name point to this machine (DNS rebinding), and could otherwise read the responses of a server
 * that trusts its network. Only HTTP/1.0 may omit the header, and no browser does.
 */
export function isHostAllowed(host: string | undefined, localAddress = '', hostNames: readonly string[] = []): boolean {
  if (host === undefined) return true;
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(host)?.[1]?.toLowerCase().replace(/\.$/, '');
  if (name === undefined) return false;
  return (
    isLoopbackName(name) ||
    isOwnAddress(name, localAddress) ||
    hostNames.some((allowed) => allowed.toLowerCase() === name)
  );
}

/** Returns whether an `Origin` header names a web page of this machine. */
export function isLoopbackOrigin(origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, hostname, origin: canonical } = new URL(origin);
  return (protocol === 'http:' || protocol === 'https:') && canonical === origin && isLoopbackName(hostname);
}

function isLoopbackName(name: string): boolean {
  return /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}

function isOwnAddress(name: string, address: string): boolean {
  return name === address.replace(/^::ffff:(?=\d+\.)/, '') || name === `[${address}]`;
}

/**
 * Returns a claim by its name, or by a path of names with dots between them. The whole path is tried as a name first,
 * because names may contain dots (`https://example.com/roles`).
 *
 * @example
 * ```ts
 * import { readClaim } from '@valetkey/core-types';
 *
 * readClaim({ app_metadata: { tenant: 'acme' } }, 'app_metadata.tenant'); // 'acme'
 * ```
 */
export function readClaim(claims: unknown, path: string): unknown {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  const members = claims as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, path)) return members[path];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const parent = path.slice(0, dot);
    const found = Object.hasOwn(members, parent) ? readClaim(members[parent], path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Returns whether two values are the same identifier. Two UUIDs are compared without case (RFC 9562 section 4), because
 * programs write them in either; every other identifier is compared to the letter.
 *
 * @example
 * ```ts
 * import { isSameIdentifier } from '@valetkey/core-types';
 *
 * if (!isSameIdentifier(response.user_id, userId)) throw new Error('another user');
 * ```
 */
export function isSameIdentifier(one: unknown, other: unknown): boolean {
  if (one === other) return typeof one === 'string';
  if (typeof one !== 'string' || typeof other !== 'string') return false;
  return uuid.test(one) && uuid.test(other) && one.toLowerCase() === other.toLowerCase();
}
