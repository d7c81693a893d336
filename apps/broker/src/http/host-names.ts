import type { IncomingMessage } from 'node:http';
import { ValetKeyError } from '@valetkey/core-types';

/**
 * Refuses a request whose `Host` is neither a loopback name, nor the address that received the request, nor one of
 * `hostNames`. A web page of any site can make its own name point to this machine (DNS rebinding), and could otherwise read
 * the responses of a listener that trusts its network. Throws `forbidden`.
 */
export function assertHostAllowed({ headers, socket }: IncomingMessage, hostNames: readonly string[]): void {
  // Only HTTP/1.0 may omit the header, and no browser does.
  if (headers.host === undefined) return;
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(headers.host)?.[1]?.toLowerCase().replace(/\.$/, '');
  if (name !== undefined && (isLoopbackName(name) || isOwnAddress(name, socket.localAddress))) return;
  if (name !== undefined && hostNames.some((allowed) => allowed.toLowerCase() === name)) return;
  throw new ValetKeyError('forbidden', 'This listener does not serve the host name of this request.', {
    reason: 'host_name',
    remediation: 'Use a loopback name such as localhost, or ask the operator to add the host name to `hostNames`.',
  });
}

function isLoopbackName(name: string): boolean {
  return /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name);
}

function isOwnAddress(name: string, address = ''): boolean {
  return name === address.replace(/^::ffff:(?=\d+\.)/, '') || name === `[${address}]`;
}
