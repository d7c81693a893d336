import { EventEmitter } from 'node:events';
import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** The time that a call has, and whoever may end it sooner. */
export interface Deadline {
  /** Emits `abort` when the call is ended. An emitter, for it costs a fraction of an `AbortController`. */
  readonly signal: EventEmitter;
  /** Calls the listener when the call is ended, in place of the one before. A second listener of `signal` costs more. */
  readonly onEnd: (listener: () => void) => void;
  /** Gives the call so many milliseconds from now. */
  readonly extend: (timeoutMs: number) => void;
  /** Waits, and rejects as soon as the call is ended. */
  readonly wait: (milliseconds: number) => Promise<void>;
  /** The call is over. */
  readonly stop: () => void;
  /** What to throw if the call was ended by this deadline or by its caller; nothing if it failed by itself. */
  readonly explain: () => unknown;
}

interface DeadlineOptions {
  readonly vendor: VendorName;
  readonly timeoutMs: number;
  readonly caller: AbortSignal | undefined;
  /** Called when the call is over, perhaps more than once. */
  readonly onOver: () => void;
}

/**
 * Starts the total deadline of one call. A caller that leaves ends the call at once, and meets its own abort reason
 * again.
 */
export function startDeadline({ vendor, timeoutMs, caller, onOver }: DeadlineOptions): Deadline {
  const signal = new EventEmitter();
  let ended: { with: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let endListener: (() => void) | undefined;
  const onEnd = (listener: () => void): void => {
    endListener = listener;
  };

  const stop = (): void => {
    clearTimeout(timer);
    caller?.removeEventListener('abort', leave);
    onOver();
  };
  const end = (reason: unknown): void => {
    ended ??= { with: reason };
    endListener?.();
    signal.emit('abort');
    stop();
  };
  const leave = (): void => end(caller?.reason);
  const extend = (milliseconds: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => end(timeoutOf(vendor, milliseconds)), milliseconds);
  };
  const wait = (milliseconds: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const waiting = setTimeout(resolve, milliseconds);
      signal.once('abort', () => {
        clearTimeout(waiting);
        reject(ended?.with);
      });
    });

  extend(timeoutMs);
  caller?.addEventListener('abort', leave, { once: true });
  return { signal, onEnd, extend, wait, stop, explain: () => ended?.with };
}

/** Whether a call ended because its time was over. */
export function isTimeout(failure: unknown): boolean {
  return ValetKeyError.isInstance(failure) && failure.code === 'vendor_timeout';
}

function timeoutOf(vendor: VendorName, timeoutMs: number): ValetKeyError {
  return new ValetKeyError('vendor_timeout', `${vendor.title} did not answer within ${timeoutMs} ms.`, {
    vendor: vendor.id,
    reason: 'deadline',
  });
}
