import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** The place of one call. */
export interface Place {
  /** Resolves when a connection is free for the call. Absent where one is free already. */
  readonly turn: Promise<void> | undefined;
  /** Milliseconds for which the call had to wait for those before it, who had all the connections. */
  readonly waitedMs: () => number;
  readonly leave: () => void;
}

/** Bounds how many calls to a vendor are under way at once, so that a hung one holds no more than its share. */
export interface Bulkhead {
  /** Takes a place. Throws `overloaded` at once where there is none. */
  readonly enter: () => Place;
}

interface BulkheadOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Calls under way at the most. */
  readonly places: number;
  /** How many of them are on the wire: first come, first served. */
  readonly connections: number;
}

/** Makes an empty bulkhead. */
export function createBulkhead({ vendor, clock, places, connections }: BulkheadOptions): Bulkhead {
  /** Those who wait, each by what gives it a connection. */
  const waiting = new Set<() => void>();
  /** Connections in use, with those that were left and are about to be passed on. */
  let connected = 0;
  let left = 0;

  /** One at a time: where all who wait are refused in their turn, other work comes between them. */
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

  const standInLine = (): Place => {
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
      if (connected + waiting.size >= places) {
        throw overloadedError(vendor, `Too many calls to ${vendor.title} are under way.`, 'bulkhead');
      }
      return connected < connections ? connect() : standInLine();
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

/** The time of a call went by while others had the connections: that says nothing of the vendor. */
export function waitedInVainError(vendor: VendorName): ValetKeyError {
  return overloadedError(vendor, `No connection to ${vendor.title} became free in time.`, 'no_connection');
}

function overloadedError({ id }: VendorName, detail: string, reason: string): ValetKeyError {
  return new ValetKeyError('overloaded', detail, { vendor: id, reason, retryAfterSeconds: 1 });
}
