import type { MonotonicClock } from '../calls/clock.ts';
import { ValetError } from '../errors/valet-error.ts';

/** A pause after a failed request, in which calls fail without a request. */
export interface CoolDown {
  /** Throws the error of the failed request during the pause. */
  readonly check: () => void;
  readonly begin: (error: unknown) => void;
  readonly end: () => void;
}

const pauseMs = 2000;
const maxPauseMs = 60_000;

/** The errors after which the next call sends no request anyway, or can be sent at once. */
const withoutPause = new Set(['aborted', 'signed_out', 'reauthentication_required', 'storage_unavailable']);

export function createCoolDown(clock: MonotonicClock): CoolDown {
  let failure: { readonly error: ValetError; readonly untilMs: number } | undefined;
  return {
    check: () => {
      const leftMs = failure === undefined ? 0 : failure.untilMs - clock.monotonicMs();
      if (failure === undefined || leftMs <= 0) return;
      const { code, message, ...details } = failure.error;
      throw new ValetError(code, message, { ...details, retryAfterSeconds: Math.ceil(leftMs / 1000) });
    },
    begin: (error) => {
      if (!ValetError.isInstance(error) || withoutPause.has(error.code) || !error.retryable) return;
      const askedMs = 1000 * (error.retryAfterSeconds ?? 0);
      const lengthMs = askedMs > pauseMs ? Math.min(askedMs, maxPauseMs) : pauseMs;
      failure = { error, untilMs: clock.monotonicMs() + lengthMs };
    },
    end: () => {
      failure = undefined;
    },
  };
}
