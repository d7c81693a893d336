import type { Clock } from '@valetkey/core-types';

/** Measures how long calls have been at a vendor that has responded to none of them. */
export interface Silence {
  /** Reports that a call is sent. Returns the function that reports that the call has ended. */
  readonly enter: () => () => void;
  /** Sets the silence back to zero, because the vendor responded to a call. */
  readonly reset: () => void;
  /** Returns the milliseconds since the last response. Times at which no call was at the vendor do not count. */
  readonly lastedMs: () => number;
}

/** Creates a silence of zero milliseconds. */
export function createSilence(clock: Clock): Silence {
  let calls = 0;
  let earlierMs = 0;
  let sinceMs = 0;

  const lastedMs = (): number => earlierMs + (calls === 0 ? 0 : clock.monotonicMs() - sinceMs);
  const restart = (totalMs: number): void => {
    earlierMs = totalMs;
    sinceMs = clock.monotonicMs();
  };

  return {
    enter() {
      if (calls === 0) sinceMs = clock.monotonicMs();
      calls += 1;
      return () => {
        restart(lastedMs());
        calls -= 1;
      };
    },
    reset: () => restart(0),
    lastedMs,
  };
}
