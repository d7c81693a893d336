import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** The place of one call. */
export interface Place {
  /** Resolves when a connection is free for the call. Absent if one is free at once. */
  readonly turn: Promise<void> | undefined;
  /** Returns the milliseconds for which earlier calls kept this one waiting for a connection. */
  readonly waitedMs: () => number;
  readonly leave: () => void;
}

/** Bounds the calls to a vendor that are under way at once, so that a hung vendor holds no more than its share. */
export interface Bulkhead {
  /** Takes a place. Throws `overloaded` at once if there is none. */
  readonly enter: () => Place;
}

interface BulkheadOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Calls that may be under way. */
  readonly maxCalls: number;
  /** Calls that may have a connection, in the order in which they entered. */
  readonly maxConnections: number;
}

/** Creates an empty bulkhead. */
export function createBulkhead({ vendor, clock, maxCalls, maxConnections }: BulkheadOptions): Bulkhead {
  /** The calls that wait, each as the function that gives it a connection. */
  const waiting = new Set<() => void>();
  /** Connections in use, including those that are about to be passed on. */
  let connected = 0;
  let left = 0;

  /** Passes on one connection per turn of the event loop, so that other work runs between calls that fail at once. */
  const passOn = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      connected -= left;
      left = 0;
      return;
    }
    waiting.delete(next);
    left -= 1;
    next();
    if (left > 0) setImmediate(passOn);
  };

  const leaveConnection = (): void => {
    if (waiting.size === 0) {
      connected -= 1;
      return;
    }
    left += 1;
    if (left === 1) setImmediate(passOn);
  };

  const connect = (): Place => {
    connected += 1;
    return { turn: undefined, waitedMs: () => 0, leave: once(leaveConnection) };
  };

  const queue = (): Place => {
    const enteredAtMs = clock.monotonicMs();
    let waitEndedAtMs: number | undefined;
    const { promise: turn, resolve } = Promise.withResolvers<void>();
    const proceed = (): void => {
      waitEndedAtMs = clock.monotonicMs();
      resolve();
    };
    waiting.add(proceed);
    return {
      turn,
      waitedMs: () => (waitEndedAtMs ?? clock.monotonicMs()) - enteredAtMs,
      leave: once(() => {
        if (waiting.delete(proceed)) waitEndedAtMs = clock.monotonicMs();
        else leaveConnection();
      }),
    };
  };

  return {
    enter() {
      if (connected + waiting.size >= maxCalls) {
        throw overloadedError(vendor, `Too many calls to ${vendor.title} are under way.`, 'bulkhead');
      }
      return connected < maxConnections ? connect() : queue();
    },
  };
}

function once(leave: () => void): () => void {
  let hasLeft = false;
  return () => {
    if (!hasLeft) leave();
    hasLeft = true;
  };
}

/** Returns the error of a call whose time passed while other calls had the connections, which says nothing of the vendor. */
export function noConnectionError(vendor: VendorName): ValetKeyError {
  return overloadedError(vendor, `No connection to ${vendor.title} became free in time.`, 'no_connection');
}

function overloadedError({ id }: VendorName, detail: string, reason: string): ValetKeyError {
  return new ValetKeyError('overloaded', detail, { vendor: id, reason, retryAfterSeconds: 1 });
}
