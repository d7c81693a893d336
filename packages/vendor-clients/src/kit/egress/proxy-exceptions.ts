import { z } from 'zod';
import { isHostName, isWithin, parseNetwork, withoutDot } from './addresses.ts';

/** Hosts that are called without the proxy, and how the operator wrote them. */
export type ProxyException = { readonly text: string } & (
  | { readonly every: true }
  | { readonly name: string; readonly port: number | undefined }
  | { readonly network: NonNullable<ReturnType<typeof parseNetwork>>; readonly port: number | undefined }
);

/**
 * Parses an entry of `NO_PROXY`, in the forms that curl, Go and Node share: `*`, a name with all names below it (with or
 * without `.` or `*.` before it) or an address, each with an optional port, or a network without one.
 */
export const proxyExceptionSchema = z.string().transform((text, context): ProxyException => {
  if (text === '*') return { text, every: true };
  const { host, port } = splitPort(text);
  const network = parseNetwork(host);
  if (network !== undefined && !(port !== undefined && host.includes('/'))) return { text, network, port };
  const name = withoutDot(host.toLowerCase().replace(/^\*?\./, ''));
  if (isHostName(name)) return { text, name, port };
  context.addIssue({
    code: 'custom',
    message: 'must be `*`, a host name or an address, each with an optional port, or a network such as 10.0.0.0/8',
  });
  return z.NEVER;
});

/** Splits a port off. The colons of an IPv6 address without brackets are no ports, and neither is a number that is too large. */
function splitPort(text: string): { readonly host: string; readonly port: number | undefined } {
  const [, host, digits] = /^(\[.*\]|[^:]*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return host !== undefined && port > 0 && port <= 65_535 ? { host, port } : { host: text, port: undefined };
}

/** Returns whether a URL is called without the proxy. Its host is compared as it stands there: no name is resolved. */
export function isProxyException(url: URL, exceptions: readonly ProxyException[]): boolean {
  const name = withoutDot(url.hostname);
  const [address] = parseNetwork(name) ?? [];
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return exceptions.some((exception) => {
    if ('every' in exception) return true;
    if (exception.port !== undefined && exception.port !== port) return false;
    if ('network' in exception) return address !== undefined && isWithin(address, exception.network);
    return address === undefined && `.${name}`.endsWith(`.${exception.name}`);
  });
}
