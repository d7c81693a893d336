import { ValetKeyError } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** The time that a call has, and whoever may end it sooner. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Gives the call so many milliseconds from now. */
  readonly extend: (timeoutMs: number) => void;
  /** The call is over. */
  readonly stop: () => void;
  /** What to throw if the call was ended by this deadline or by its caller; nothing if it failed by itself. */
  readonly explain: () => unknown;
}

interface DeadlineOptions {
  readonly vendor: VendorName;
  readonly timeoutMs: number;
  readonly caller: AbortSignal | undefined;
  /** Called once, when the call is over. */
  readonly onOver: () => void;
}

/**
 * Starts the total deadline of one call. A caller that leaves ends the call at once, and meets its own abort reason
 * again.
 */
export function startDeadline({ vendor, timeoutMs, caller, onOver }: DeadlineOptions): Deadline {
  const controller = new AbortController();
  let ended: { with: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const stop = (): void => {
    clearTimeout(timer);
    caller?.removeEventListener('abort', leave);
    onOver();
  };
  const end = (reason: unknown): void => {
    ended ??= { with: reason };
    controller.abort();
    stop();
  };
  const leave = (): void => end(caller?.reason);
  const extend = (milliseconds: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => end(timeoutOf(vendor, milliseconds)), milliseconds).unref();
  };

  extend(timeoutMs);
  if (caller?.aborted === true) leave();
  else caller?.addEventListener('abort', leave, { once: true });

  return { signal: controller.signal, extend, stop, explain: () => ended?.with };
}

function timeoutOf(vendor: VendorName, timeoutMs: number): ValetKeyError {
  return new ValetKeyError('vendor_timeout', `${vendor.title} did not answer within ${timeoutMs} ms.`, {
    vendor: vendor.id,
    reason: 'deadline',
  });
}
