import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** The place of one call. */
export interface Place {
  /** Resolves when a socket is free for the call. Absent if a socket is free at once. */
  readonly turn: Promise<void> | undefined;
  /** Returns the milliseconds for which the call waited for a socket. */
  readonly waitedMs: () => number;
  readonly leave: () => void;
}

/** Bounds the calls to a vendor that are under way at the same time, so that a hung vendor does not exhaust the memory. */
export interface Bulkhead {
  /** Returns a place for a call. Throws `overloaded` at once if every place is taken. */
  readonly enter: () => Place;
}

interface BulkheadOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Calls that may be under way, including those that wait for a socket. */
  readonly maxCalls: number;
  /** Calls that may hold a socket. Sockets are given in the order in which the calls entered. */
  readonly maxSockets: number;
}

/** Creates an empty bulkhead. */
export function createBulkhead({ vendor, clock, maxCalls, maxSockets }: BulkheadOptions): Bulkhead {
  /** The calls that wait, each as the function that gives the call a socket. */
  const waiting = new Set<() => void>();
  /** Calls that hold a socket. */
  let holding = 0;
  /** Sockets that calls gave back and that waiting calls are about to receive. */
  let returned = 0;

  /** Passes on one socket per turn of the event loop, so that other work runs between calls that fail at once. */
  const passOn = (): void => {
    const [next] = waiting;
    if (next === undefined) {
      returned = 0;
      return;
    }
    waiting.delete(next);
    returned -= 1;
    holding += 1;
    next();
    if (returned > 0) setImmediate(passOn);
  };

  const giveBack = (): void => {
    holding -= 1;
    if (waiting.size === 0) return;
    returned += 1;
    if (returned === 1) setImmediate(passOn);
  };

  const hold = (): Place => {
    holding += 1;
    return { turn: undefined, waitedMs: () => 0, leave: once(giveBack) };
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
        else giveBack();
      }),
    };
  };

  return {
    enter() {
      if (holding + waiting.size >= maxCalls) {
        throw overloadedError(vendor, `Too many calls to ${vendor.title} are under way.`, 'bulkhead');
      }
      return holding + returned < maxSockets ? hold() : queue();
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

/** Returns the error for a call that waited for a socket most of its time. The error says nothing about the vendor. */
export function noSocketError(vendor: VendorName): ValetKeyError {
  return overloadedError(vendor, `No socket to ${vendor.title} became free in time.`, 'no_connection');
}

function overloadedError({ id }: VendorName, detail: string, reason: string): ValetKeyError {
  return new ValetKeyError('overloaded', detail, { vendor: id, reason, retryAfterSeconds: 1 });
}
