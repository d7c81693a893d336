import type { lookup as systemLookup } from 'node:dns';
import { Pool } from 'undici';
import { guardedLookup } from './egress.ts';

/** The most sockets of one door for one caller. Each carries one call at a time. As many are left for other callers. */
export const maxSockets = 64;

/** Creates the socket pool of one door: HTTP/1.1, to addresses that {@link guardedLookup} allows. */
export function createPool(origin: string, timeoutMs: number, lookup?: typeof systemLookup): Pool {
  return new Pool(origin, {
    connections: 2 * maxSockets,
    pipelining: 1,
    allowH2: false,
    // The total deadline of each call covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: timeoutMs, lookup: guardedLookup(lookup) },
  });
}
