import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Code of the network error for a name that leads to an address we do not call. */
export const addressRefused = 'EGRESS_REFUSED';

/** Where calls to one host may go: to the open internet, or, for a loopback host of a developer, to loopback alone. */
export function mayReach(hostname: string, address: string): boolean {
  const range = rangeOf(address);
  return loopbackHost.test(hostname) ? range === 'loopback' : range === 'unicast';
}

/** Whether a URL names its address outright, and one that we do not call. A host name is looked at when it is resolved. */
export function namesRefusedAddress(url: string): boolean {
  const { hostname } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(address) && !mayReach(hostname, address);
}

/** Resolves names as usual, and fails where any of the addresses is one that we do not call. */
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
  return Object.assign(new Error('The address is not one that vendors have.'), { code: addressRefused });
}

const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** The kind of an address (IANA special-purpose registries), seen through the forms that wrap an IPv4 address. */
function rangeOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'invalid';
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv6' && parsed.range() === 'rfc6052') {
    // NAT64: a network without IPv4 reaches IPv4 hosts through addresses that end in theirs.
    return ipaddr.fromByteArray(parsed.toByteArray().slice(12)).range();
  }
  // Of IPv6 only this is given out (RFC 4291); the library calls unicast whatever it has no other word for.
  const isGivenOut = parsed.kind() === 'ipv4' || parsed.match(globalUnicast);
  return parsed.range() === 'unicast' && !isGivenOut ? 'reserved' : parsed.range();
}
