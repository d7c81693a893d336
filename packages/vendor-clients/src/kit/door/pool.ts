import type { lookup as systemLookup } from 'node:dns';
import { buildConnector, Pool } from 'undici';
import { guardedLookup } from './egress.ts';

/** The most sockets of one door for one caller. Each carries one call at a time. As many are left for other callers. */
export const maxSockets = 64;

/** Creates the socket pool of one door: HTTP/1.1, to addresses that {@link guardedLookup} allows. */
export function createPool(origin: string, timeoutMs: number, lookup?: typeof systemLookup): Pool {
  const connect = buildConnector({ allowH2: false, timeout: timeoutMs, lookup: guardedLookup(lookup) });
  return new Pool(origin, {
    connections: 2 * maxSockets,
    pipelining: 1,
    allowH2: false,
    // The total deadline of each call covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) =>
      connect(options, (...outcome) => {
        outcome[1]?.prependListener('error', distinguishReset);
        callback(...outcome);
      }),
  });
}

/**
 * Gives a reset another code. undici takes `ECONNRESET` for the regular end of a body that ends with its TCP connection, and
 * half a body would look complete.
 */
function distinguishReset(failure: NodeJS.ErrnoException): void {
  if (failure.code === 'ECONNRESET') failure.code = 'ECONNABORTED';
}
