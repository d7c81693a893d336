import * as nodeCrypto from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv4 } from 'node:net';

/**
 * Returns a new request id. Ids of one moment are near each other in their order (RFC 9562 section 5.7), so that the index of the
 * decisions by request id grows at its end: an id without an order changes a page of its own, which a large index must first read.
 */
export const createRequestId: () => string = chooseRequestIds(nodeCrypto);

/** Older versions of Node lack `randomUUIDv7`. An import of that name alone would end the process there. */
export function chooseRequestIds({
  randomUUID,
  randomUUIDv7,
}: Pick<typeof nodeCrypto, 'randomUUID'> & Partial<Pick<typeof nodeCrypto, 'randomUUIDv7'>>): () => string {
  return randomUUIDv7 ?? randomUUID;
}

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
