import { Pool } from 'undici';
import { guardedLookup } from './egress.ts';

const maxConnections = 64;

/** A vendor's connections: HTTP/1.1, one call at a time each, to addresses that {@link guardedLookup} lets pass. */
export function createPool(origin: string, timeoutMs: number): Pool {
  return new Pool(origin, {
    connections: maxConnections,
    pipelining: 1,
    allowH2: false,
    // The total deadline of each call covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: timeoutMs, lookup: guardedLookup() },
  });
}
