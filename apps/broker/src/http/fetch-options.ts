import { isIP } from 'node:net';

/** What the program around a broker knows about a request. */
export interface FetchOptions {
  /**
   * The IP address of the client's TCP connection. Policies, logs and the audit then have it. If it is one of `listen.trustedProxies`,
   * the header `X-Forwarded-For` counts. Default: the address is unknown, and that header does not count.
   */
  readonly clientAddress?: string | undefined;
  /** The path below which the program serves the broker, such as `/tokens`. The broker reads what follows it. Default: none. */
  readonly pathPrefix?: string | undefined;
}

const fields = new Set(['clientAddress', 'pathPrefix']);

/** Checks the options. Throws a `TypeError` that says what to change. */
export function checkFetchOptions(options: FetchOptions): void {
  for (const field of Object.keys(options)) {
    if (fields.has(field)) continue;
    throw new TypeError(
      `broker.fetch: the option \`${field}\` does not exist. If a framework calls broker.fetch with arguments of its own, give it \`(request) => broker.fetch(request)\`.`,
    );
  }
  const { clientAddress, pathPrefix } = options;
  if (clientAddress !== undefined && isIP(clientAddress) === 0) {
    throw new TypeError('broker.fetch: `clientAddress` is no IP address. It has no port and no brackets.');
  }
  if (pathPrefix !== undefined && !/^(?:\/[^/?#]+)*$/.test(pathPrefix)) {
    throw new TypeError('broker.fetch: `pathPrefix` begins with / and does not end with it, such as `/tokens`.');
  }
}

/** Returns the path and query below the prefix. Throws a `TypeError` if the path is not below it. */
export function targetBelow({ pathname, search }: URL, pathPrefix = ''): string {
  const isBelow = pathname === pathPrefix || pathname.startsWith(`${pathPrefix}/`);
  if (!isBelow) {
    throw new TypeError(
      `broker.fetch: the path of the request is not below the \`pathPrefix\` ${pathPrefix}. Leave the option out if the framework removes the prefix itself.`,
    );
  }
  return `${pathname.slice(pathPrefix.length) || '/'}${search}`;
}
