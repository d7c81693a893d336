import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

interface DeadlineOptions {
  readonly vendor: VendorName;
  /** What the whole operation has, in milliseconds. */
  readonly timeoutMs: number;
  /** What is left of it for this call. */
  readonly leftMs: number;
  readonly caller: AbortSignal | undefined;
  /** Called when the call is over, perhaps more than once. */
  readonly onOver: () => void;
}

/**
 * The time that a call has, and whoever may end it sooner. A caller that leaves ends the call at once, and meets its own
 * abort reason again. No `AbortController`: making one costs more than sending the call.
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

  /** The caller left. */
  handleEvent(): void {
    this.#end(this.#caller?.reason);
  }

  /** Calls the listener when the call is ended, in place of the one before. */
  onEnd(listener: () => void): void {
    this.#listener = listener;
  }

  /** Gives the call so many milliseconds from now. */
  extend(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#endAfter(timeoutMs, timeoutMs);
  }

  /** Waits for something, and rejects as soon as the call is ended. */
  waitFor<Result>(event: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.onEnd(() => reject(this.explain()));
      event.then(resolve, reject);
    });
  }

  /** The call is over. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this);
    this.#onOver();
  }

  /** What to throw if the call was ended by this deadline or by its caller; nothing if it failed by itself. */
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

/** Whether a call ended because its time was over. */
export function isTimeout(failure: unknown): boolean {
  return ValetKeyError.isInstance(failure) && failure.code === 'vendor_timeout';
}

/** The time of an operation is over. */
export function timeoutError(vendor: VendorName, timeoutMs: number): ValetKeyError {
  return new ValetKeyError('vendor_timeout', `${vendor.title} did not answer within ${timeoutMs} ms.`, {
    vendor: vendor.id,
    reason: 'deadline',
  });
}
