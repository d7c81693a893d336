import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { addressRefused, isLoopbackHost } from '@valetkey/core-types';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

type Address = ReturnType<typeof ipaddr.parse>;

/** An address, with the number of its bits that are the network's. A single address is a network of one address. */
type Network = [Address, number];

/** A host by its name, or a network. */
type AllowedEntry = { readonly host: string } | { readonly network: [Address, number] };

/** The hosts and networks that may be called although their addresses are private. */
export type Allowed = readonly AllowedEntry[];

/** The ranges of addresses that an operator may allow. */
const privateRanges = new Set(['private', 'carrierGradeNat', 'uniqueLocal']);

/**
 * The addresses at which clouds serve credentials to every program on a machine. `169.254.169.254` is not listed, because a
 * link-local address is never allowed.
 */
const metadataAddresses = new Set(
  ['100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254'].map((address) =>
    ipaddr.parse(address).toString(),
  ),
);

/** The host names of these services. They are refused by name, because a proxy resolves names itself. */
const metadataHosts = new Set([
  'instance-data',
  'instance-data.ec2.internal',
  'metadata',
  'metadata.azure.com',
  'metadata.azure.internal',
  'metadata.goog',
  'metadata.google.internal',
  'metadata.tencentyun.com',
]);

const everyNetwork: Allowed = ['0.0.0.0/0', '::/0'].map((network) => ({ network: ipaddr.parseCIDR(network) }));

const hostNamePattern = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Parses a host name, an address or a network (`10.0.0.0/8`) that may be called although it is private. */
export const allowedEntrySchema = z.string().transform((text, context): AllowedEntry => {
  const network = parseNetwork(text);
  if (network !== undefined) {
    if (privateRanges.has(network[0].range()) && !isMetadataNetwork(network)) return { network };
    context.addIssue({
      code: 'custom',
      message:
        'must be within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or fc00::/7, and no metadata address',
    });
    return z.NEVER;
  }
  const host = withoutDot(text.toLowerCase());
  if (isHostName(host) && !isRefusedName(host)) return { host };
  context.addIssue({
    code: 'custom',
    message: 'must be a host name, an address or a network such as 10.0.0.0/8, and no metadata host',
  });
  return z.NEVER;
});

/** Returns whether a text is the name of a host, in lower case. */
export const isHostName = (text: string): boolean => hostNamePattern.test(text) && !/^[\d.]+$/.test(text);

/** Parses a network or a single address. Returns undefined for any other text. */
export function parseNetwork(text: string): Network | undefined {
  const address = text.replace(/^\[(.+)\]$/, '$1');
  if (ipaddr.isValid(address) && hasAllParts(address)) {
    const parsed = ipaddr.process(address);
    return [parsed, parsed.kind() === 'ipv4' ? 32 : 128];
  }
  return ipaddr.isValidCIDR(text) && hasAllParts(text) ? ipaddr.parseCIDR(text) : undefined;
}

/** Four decimal numbers without a leading zero, which some programs read as octal. */
const wholeAddressPattern = /^(0|[1-9]\d*)(\.(0|[1-9]\d*)){3}(\/\d+)?$/;

/** Returns whether an address has all its parts and no zone: the library also reads `10` and `fe80::1%eth0` as addresses. */
const hasAllParts = (text: string): boolean => /^[^%]*:[^%]*$/.test(text) || wholeAddressPattern.test(text);

const isMetadataNetwork = ([address, bits]: Network): boolean =>
  bits === (address.kind() === 'ipv4' ? 32 : 128) && metadataAddresses.has(address.toString());

/**
 * Returns whether a host may be called at an address: a loopback host only at loopback addresses, any other host only at
 * public addresses and at allowed private ones. Metadata addresses are never called.
 */
export function mayReach(hostname: string, address: string, allowed: Allowed = []): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = unwrap(address);
  const range = rangeOf(parsed);
  if (isLoopbackHost(hostname)) return range === 'loopback';
  if (metadataAddresses.has(parsed.toString())) return false;
  if (range === 'unicast') return true;
  if (!privateRanges.has(range)) return false;
  const host = withoutDot(hostname.toLowerCase());
  return allowed.some((entry) => ('host' in entry ? entry.host === host : isWithin(parsed, entry.network)));
}

/** Returns whether an address is within a network. */
export function isWithin(address: Address, [network, bits]: Network): boolean {
  return address.kind() === network.kind() && address.match([network, bits] as never);
}

/**
 * Returns whether a URL names a host that may not be called, by its address or by a name that is always refused. Without a
 * proxy, every other host name is checked when it is resolved. A proxy resolves names itself, so their addresses are not
 * checked.
 */
export function namesRefusedHost(url: string | URL, allowed: Allowed = []): boolean {
  const { hostname } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  return ipaddr.isValid(address) ? !mayReach(hostname, address, allowed) : isRefusedName(hostname);
}

/** Returns whether a URL names a host that no `allow` entry can make callable. */
export function namesUncallableHost(url: string): boolean {
  return namesRefusedHost(url, everyNetwork);
}

/** Returns whether a name is always refused: a metadata host, or a loopback name other than exactly `localhost`. */
function isRefusedName(hostname: string): boolean {
  const name = withoutDot(hostname);
  return metadataHosts.has(name) || name.endsWith('.localhost') || (name === 'localhost' && name !== hostname);
}

/** Returns a host name without the dot at its end, which means the same name. */
export const withoutDot = (hostname: string): string => hostname.replace(/\.$/, '');

/** Resolves names as `lookup` does, and fails if any of the addresses may not be called. */
export function guardedLookup(lookup: typeof systemLookup = systemLookup, allowed: Allowed = []): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (failure, addresses: LookupAddress[]) => {
      const [first] = addresses ?? [];
      if (failure !== null || first === undefined) {
        callback(failure ?? refusedError(), '', 0);
      } else if (!addresses.every(({ address }) => mayReach(hostname, address, allowed))) {
        callback(refusedError(), '', 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

/** Returns the network error for an address that may not be called. */
export function refusedError(): NodeJS.ErrnoException {
  return Object.assign(new Error('The address may not be called.'), { code: addressRefused });
}

const globalUnicast = ipaddr.parseCIDR('2000::/3');

/** Returns the IPv4 address that an IPv6 address embeds (IPv4-mapped or NAT64), else the address itself. */
function unwrap(address: string): Address {
  const parsed = ipaddr.process(address);
  // NAT64: a network without IPv4 reaches IPv4 hosts through addresses that end in the IPv4 address.
  const isNat64 = parsed.kind() === 'ipv6' && parsed.range() === 'rfc6052';
  return isNat64 ? ipaddr.fromByteArray(parsed.toByteArray().slice(12)) : parsed;
}

/** Returns the kind of an address (IANA special-purpose registries). */
function rangeOf(address: Address): string {
  // Only this part of IPv6 is assigned (RFC 4291); the library says unicast for every range that it does not know.
  const isAssigned = address.kind() === 'ipv4' || address.match(globalUnicast);
  return address.range() === 'unicast' && !isAssigned ? 'reserved' : address.range();
}
