import type { lookup as systemLookup } from 'node:dns';
import { Pool } from 'undici';
import { guardedLookup } from './egress.ts';

/** Connections to one vendor: so many calls are on the wire at once. */
export const maxConnections = 64;

/** A vendor's connections: HTTP/1.1, one call at a time each, to addresses that {@link guardedLookup} lets pass. */
export function createPool(origin: string, timeoutMs: number, lookup?: typeof systemLookup): Pool {
  return new Pool(origin, {
    connections: maxConnections,
    pipelining: 1,
    allowH2: false,
    // The total deadline of each call covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: timeoutMs, lookup: guardedLookup(lookup) },
  });
}
