import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4 } from 'node:net';
import { createRequestId } from './request-rules.ts';

const acceptedId = /^[A-Za-z0-9_.:=+/-]{8,128}$/;

/**
 * Returns the function that creates the id of a request. The id of a proxy in `trustedProxies` is used if it has 8 to 128
 * characters that are safe in every log; otherwise the id is new.
 */
export function takeRequestIdsOf(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const isTrusted = createAddressTest(trustedProxies);
  return ({ headers: { 'x-request-id': id }, socket: { remoteAddress } }) =>
    typeof id === 'string' && acceptedId.test(id) && isTrusted(remoteAddress) ? id : createRequestId();
}

/** Returns whether an address is one of `entries`, which are addresses and networks. */
export function createAddressTest(entries: readonly string[]): (address: string | undefined) => boolean {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  // An address of IPv4 that a socket of IPv6 received begins with `::ffff:`, which the list reads as IPv4.
  return (address) => address !== undefined && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}
