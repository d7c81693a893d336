import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isLoopbackHost } from '@valetkey/core-types';
import ipaddr from 'ipaddr.js';

/** The code of the network error for a host name that resolves to an address that may not be called. */
export const addressRefused = 'EGRESS_REFUSED';

/** Returns whether a host may have an address: a loopback host only loopback addresses, any other host only public ones. */
export function mayReach(hostname: string, address: string): boolean {
  const range = rangeOf(address);
  return isLoopbackHost(hostname) ? range === 'loopback' : range === 'unicast';
}

/** Returns whether a URL contains an address that may not be called. A host name is checked when it is resolved. */
export function namesRefusedAddress(url: string): boolean {
  const { hostname } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(address) && !mayReach(hostname, address);
}

/** Resolves names as `lookup` does, and fails if any of the addresses may not be called. */
export function guardedLookup(lookup: typeof systemLookup = systemLookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (failure, addresses: LookupAddress[]) => {
      const [first] = addresses ?? [];
      if (failure !== null || first === undefined) {
        callback(failure ?? refusedError(), '', 0);
      } else if (!addresses.every(({ address }) => mayReach(hostname, address))) {
        callback(refusedError(), '', 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

function refusedError(): NodeJS.ErrnoException {
  return Object.assign(new Error('The address may not be called.'), { code: addressRefused });
}

const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Returns the kind of an address (IANA special-purpose registries). Forms that wrap an IPv4 address are unwrapped. */
function rangeOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'invalid';
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv6' && parsed.range() === 'rfc6052') {
    // NAT64: a network without IPv4 reaches IPv4 hosts through addresses that end in the IPv4 address.
    return ipaddr.fromByteArray(parsed.toByteArray().slice(12)).range();
  }
  // Only this part of IPv6 is assigned (RFC 4291); the library says unicast for every range that it does not know.
  const isAssigned = parsed.kind() === 'ipv4' || parsed.match(globalUnicast);
  return parsed.range() === 'unicast' && !isAssigned ? 'reserved' : parsed.range();
}
