import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

interface DeadlineOptions {
  readonly vendor: VendorName;
  /** Time of the whole operation, in milliseconds. */
  readonly timeoutMs: number;
  /** What is left of it for this call. */
  readonly leftMs: number;
  readonly caller: AbortSignal | undefined;
  /** Called when the call is over, possibly more than once. */
  readonly onOver: () => void;
}

/**
 * Ends a call when its time is over or when its caller aborts it; an aborting caller receives its own abort reason. It uses
 * no `AbortController`, because creating one costs more than sending the call.
 */
export class Deadline {
  readonly #vendor: VendorName;
  readonly #caller: AbortSignal | undefined;
  readonly #onOver: () => void;
  #ended: { readonly with: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #listener: (() => void) | undefined;

  constructor({ vendor, timeoutMs, leftMs, caller, onOver }: DeadlineOptions) {
    this.#vendor = vendor;
    this.#caller = caller;
    this.#onOver = onOver;
    this.#endAfter(leftMs, timeoutMs);
    caller?.addEventListener('abort', this, { once: true });
  }

  /** Receives the caller's `abort` event. */
  handleEvent(): void {
    this.#end(this.#caller?.reason);
  }

  /** Calls the listener when the call is ended, instead of the listener before it. */
  onEnd(listener: () => void): void {
    this.#listener = listener;
  }

  /** Gives the call this many milliseconds from now. */
  extend(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#endAfter(timeoutMs, timeoutMs);
  }

  /** Waits for an event, and rejects as soon as the call is ended. */
  waitFor<Result>(event: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.onEnd(() => reject(this.explain()));
      event.then(resolve, reject);
    });
  }

  /** Releases the timer and the caller's signal: the call is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this);
    this.#onOver();
  }

  /** Returns what to throw if the deadline or the caller ended the call, or undefined if the call failed on its own. */
  explain(): unknown {
    return this.#ended?.with;
  }

  #endAfter(delayMs: number, timeoutMs: number): void {
    this.#timer = setTimeout(() => this.#end(timeoutError(this.#vendor, timeoutMs)), delayMs);
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

/** Returns the error of an operation whose time is over. */
export function timeoutError(vendor: VendorName, timeoutMs: number): ValetKeyError {
  return new ValetKeyError('vendor_timeout', `${vendor.title} did not respond within ${timeoutMs} ms.`, {
    vendor: vendor.id,
    reason: 'deadline',
  });
}
