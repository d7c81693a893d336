import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** The most sockets of one door for one caller. Each carries one call at a time. As many are left for other callers. */
export const maxSockets = 64;

/** The place of one call. */
export interface Place {
  /** Resolves when a socket is free for the call. Absent if a socket is free at once. */
  readonly turn: Promise<void> | undefined;
  /** Returns the milliseconds for which the call waited for a socket. */
  readonly waitedMs: () => number;
  readonly leave: () => void;
}

/**
 * Bounds the calls to a vendor that are under way at the same time, so that a hung vendor does not exhaust the memory, and
 * shares places and sockets among callers: each has at most as many as are left free.
 */
export interface Bulkhead {
  /** Returns a place for a call. Throws `overloaded` at once if no place is left for the caller. */
  readonly enter: (caller?: string) => Place;
}

interface BulkheadOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Calls of one caller that may be under way, including those that wait for a socket, if no other caller has any. */
  readonly maxCalls: number;
  /** Sockets that the calls of one caller may hold if no other caller has any. Each caller receives its own in order. */
  readonly maxSockets: number;
}

type Caller = string | undefined;

/** Creates an empty bulkhead. */
export function createBulkhead({ vendor, clock, maxCalls, maxSockets }: BulkheadOptions): Bulkhead {
  const places = createShares(maxCalls);
  const sockets = createShares(maxSockets);
  /** The calls of each caller that wait, each as the function that gives the call a socket. */
  const queues = new Map<Caller, Set<() => void>>();
  let isPassingOn = false;

  /** Passes on one socket per turn of the event loop, so that other work runs between calls that fail at once. */
  const passOn = (): void => {
    isPassingOn = false;
    for (const [caller, queue] of queues) {
      const [next] = queue;
      if (next === undefined || !sockets.hasRoom(caller)) continue;
      // The next socket is for the next caller.
      queues.delete(caller);
      queue.delete(next);
      if (queue.size > 0) queues.set(caller, queue);
      sockets.take(caller);
      next();
      schedulePassingOn();
      return;
    }
  };

  const schedulePassingOn = (): void => {
    if (isPassingOn || queues.size === 0) return;
    isPassingOn = true;
    setImmediate(passOn);
  };

  const leave = (caller: Caller): void => {
    places.giveBack(caller);
    sockets.giveBack(caller);
    schedulePassingOn();
  };

  const queue = (caller: Caller): Place =>
    enqueue(queues, caller, clock, (hasSocket) => (hasSocket ? leave(caller) : places.giveBack(caller)));

  return {
    enter(caller) {
      if (!places.hasRoom(caller)) {
        throw overloadedError(vendor, `Too many calls to ${vendor.title} are under way.`, 'bulkhead');
      }
      places.take(caller);
      if (queues.has(caller) || !sockets.hasRoom(caller)) return queue(caller);
      sockets.take(caller);
      return { turn: undefined, waitedMs: () => 0, leave: once(() => leave(caller)) };
    },
  };
}

/** Adds a call to the queue of its caller. `onLeave` is called once, and receives whether the call was given a socket. */
function enqueue(
  queues: Map<Caller, Set<() => void>>,
  caller: Caller,
  clock: Clock,
  onLeave: (hasSocket: boolean) => void,
): Place {
  const enteredAtMs = clock.monotonicMs();
  let waitEndedAtMs: number | undefined;
  const { promise: turn, resolve } = Promise.withResolvers<void>();
  const proceed = (): void => {
    waitEndedAtMs = clock.monotonicMs();
    resolve();
  };
  const queue = queues.get(caller) ?? new Set();
  queues.set(caller, queue.add(proceed));
  return {
    turn,
    waitedMs: () => (waitEndedAtMs ?? clock.monotonicMs()) - enteredAtMs,
    leave: once(() => {
      const hasSocket = waitEndedAtMs !== undefined;
      waitEndedAtMs ??= clock.monotonicMs();
      queue.delete(proceed);
      if (!hasSocket && queue.size === 0) queues.delete(caller);
      onLeave(hasSocket);
    }),
  };
}

/** Counts what each caller has. A caller alone may have `maxAlone`, and always leaves as many free as it has. */
function createShares(maxAlone: number) {
  const counts = new Map<Caller, number>();
  let total = 0;
  const countOf = (caller: Caller): number => counts.get(caller) ?? 0;
  return {
    hasRoom: (caller: Caller): boolean => countOf(caller) < 2 * maxAlone - total,
    take(caller: Caller): void {
      total += 1;
      counts.set(caller, countOf(caller) + 1);
    },
    giveBack(caller: Caller): void {
      total -= 1;
      const left = countOf(caller) - 1;
      if (left > 0) counts.set(caller, left);
      else counts.delete(caller);
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
