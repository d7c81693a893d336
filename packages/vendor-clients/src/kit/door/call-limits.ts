// The limits of a call: a place among the calls that are under way, and the time until the call must end.
import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** The most sockets of one door for one caller. Each carries one call at a time. As many are left for other callers. */
export const maxSockets = 64;

/** How many sockets are passed on in one turn of the event loop, so that other work runs between calls that fail at once. */
const maxPassedOnPerTurn = 64;

/** If no call waited for a socket for this time, the vendor responds to all that arrive. */
const calmMs = 2_000;

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
  const places = createShares();
  const sockets = createShares();
  /** The calls of each caller that wait, each as the function that gives the call a socket. */
  const queues = new Map<Caller, Set<() => void>>();
  // One object for all refused calls: while many are refused, creating their errors would take longer than the calls.
  const noPlaceError = overloadedError(vendor, `Too many calls to ${vendor.title} are under way.`, 'bulkhead');
  /** The sockets that were passed on since no call was waiting, and when the last one was. */
  let passedOn = 0;
  let passedOnAtMs = -Infinity;
  let isPassingOn = false;

  /** Passes one socket on. Returns false if no socket is free for a call that waits. */
  const passOneOn = (): boolean => {
    // Without this check, each of thousands of waiting callers would be asked in vain.
    if (sockets.isFull(maxSockets)) return false;
    for (const [caller, queue] of queues) {
      const [next] = queue;
      if (next === undefined || !sockets.hasRoom(caller, maxSockets)) continue;
      // The next socket is for the next caller.
      queues.delete(caller);
      queue.delete(next);
      if (queue.size > 0) queues.set(caller, queue);
      sockets.take(caller);
      passedOn += 1;
      passedOnAtMs = clock.monotonicMs();
      next();
      return true;
    }
    return false;
  };

  const passOn = (): void => {
    isPassingOn = false;
    let passed = 0;
    while (passed < maxPassedOnPerTurn && passOneOn()) passed += 1;
    if (passed === maxPassedOnPerTurn) schedulePassingOn();
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

  /**
   * Returns the calls that a caller alone may have under way. If more calls than ever fit in here waited one after the other, more
   * arrive than the vendor responds to: a longer line would then only make each call slower.
   */
  const maxAlone = (): number => (passedOn > maxCalls ? Math.min(maxCalls, 2 * maxSockets) : maxCalls);

  const queue = (caller: Caller): Place => {
    if (queues.size === 0 && clock.monotonicMs() - passedOnAtMs > calmMs) passedOn = 0;
    return enqueue(queues, caller, clock, (hasSocket) => (hasSocket ? leave(caller) : places.giveBack(caller)));
  };

  return {
    enter(caller) {
      if (!places.hasRoom(caller, queues.size > 0 ? maxAlone() : maxCalls)) {
        throw noPlaceError;
      }
      places.take(caller);
      if (queues.has(caller) || !sockets.hasRoom(caller, maxSockets)) return queue(caller);
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

/** Counts what each caller has. */
function createShares() {
  const counts = new Map<Caller, number>();
  let total = 0;
  const countOf = (caller: Caller): number => counts.get(caller) ?? 0;
  return {
    /** Returns whether a caller may have one more. A caller alone may have `maxAlone`, and always leaves as many free as it has. */
    hasRoom: (caller: Caller, maxAlone: number): boolean => countOf(caller) < 2 * maxAlone - total,
    /** Returns whether not even a caller that has none may have one. */
    isFull: (maxAlone: number): boolean => total >= 2 * maxAlone,
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

interface DeadlineOptions {
  readonly vendor: VendorName;
  /** The time of the whole operation, in milliseconds. */
  readonly timeoutMs: number;
  /** The remaining time for this call, in milliseconds. */
  readonly leftMs: number;
  readonly caller: AbortSignal | undefined;
  /** Returns by how many milliseconds the end is put off so far. Default: never. */
  readonly putOffMs?: (() => number) | undefined;
  /** Called when the call is over, possibly more than once. */
  readonly onOver: () => void;
}

/**
 * Ends a call when its time is over or when its caller aborts it. A caller that aborts receives its own abort reason. It uses
 * no `AbortController`, because creating one costs more than sending the call.
 */
export class Deadline {
  readonly #vendor: VendorName;
  readonly #caller: AbortSignal | undefined;
  readonly #onOver: () => void;
  #putOffMs: (() => number) | undefined;
  #ended: { readonly with: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listener: (() => void) | undefined;

  constructor({ vendor, timeoutMs, leftMs, caller, putOffMs, onOver }: DeadlineOptions) {
    this.#vendor = vendor;
    this.#caller = caller;
    this.#putOffMs = putOffMs;
    this.#onOver = onOver;
    this.#endAfter(leftMs, timeoutMs);
    caller?.addEventListener('abort', this, { once: true });
  }

  /** Receives the caller's `abort` event. */
  handleEvent(): void {
    this.#end(this.#caller?.reason);
  }

  /** Sets the listener that is called when the deadline or the caller ends the call. It replaces the previous listener. */
  onEnd(listener: () => void): void {
    this.#listener = listener;
  }

  /** Sets the end of the call to this many milliseconds from now. It is not put off any more. */
  extend(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#putOffMs = undefined;
    this.#endAfter(timeoutMs, timeoutMs);
  }

  /** Settles as `event` does, but rejects as soon as the deadline or the caller ends the call. */
  waitFor<Result>(event: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.onEnd(() => reject(this.explain()));
      event.then(resolve, reject);
    });
  }

  /** Releases the timer and the caller's signal, because the call is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this);
    this.#onOver();
  }

  /** Returns what to throw if the deadline or the caller ended the call, or undefined if the call failed on its own. */
  explain(): unknown {
    return this.#ended?.with;
  }

  #endAfter(delayMs: number, timeoutMs: number, waitedMs = 0): void {
    this.#timer = setTimeout(() => {
      const putOffMs = this.#putOffMs?.() ?? 0;
      if (putOffMs > waitedMs) this.#endAfter(putOffMs - waitedMs, timeoutMs, putOffMs);
      else this.#end(timeoutError(this.#vendor, timeoutMs));
    }, delayMs);
  }

  #end(reason: unknown): void {
    this.#ended ??= { with: reason };
    this.#listener?.();
    this.stop();
  }
}

/** Returns whether a call ended because its time was over. */
export function isTimeout(failure: unknown): boolean {
  return ValetKeyError.isInstance(failure) && failure.code === 'vendor_timeout';
}

/** Returns the error for an operation whose time is over. */
export function timeoutError(vendor: VendorName, timeoutMs: number): ValetKeyError {
  return new ValetKeyError('vendor_timeout', `${vendor.title} did not respond within ${timeoutMs} ms.`, {
    vendor: vendor.id,
    reason: 'deadline',
  });
}
