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
