import type { MonotonicClock } from '../calls/clock.ts';

/** The broker's clock, measured with its responses. */
export interface ServerTime {
  /** The broker's clock minus the device's clock in milliseconds. Undefined before the first measurement. */
  readonly offsetMs: () => number | undefined;
  /** Measures the offset. `elapsedMs` is the time between request and response. */
  readonly measure: (serverTime: string, elapsedMs: number) => void;
  /** Returns the broker's time as far as it is known. */
  readonly nowMs: () => number;
}

export function createServerTime({ nowMs }: MonotonicClock): ServerTime {
  let offsetMs: number | undefined;
  return {
    offsetMs: () => offsetMs,
    measure: (serverTime, elapsedMs) => {
      // The broker wrote its time halfway. The device's time may have been set since, so only its present value counts.
      offsetMs = Math.round(Date.parse(serverTime) - (nowMs() - elapsedMs / 2));
    },
    nowMs: () => nowMs() + (offsetMs ?? 0),
  };
}
