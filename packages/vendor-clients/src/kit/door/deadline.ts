import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

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
