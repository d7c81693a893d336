import type { MonotonicClock } from './clock.ts';

/**
 * A moment on both clocks of the device. The monotonic clock of some devices stands still during a sleep, and the wall clock
 * can be set.
 */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Returns the moment that comes after `delayMs` milliseconds. */
export function momentIn(delayMs: number, clock: MonotonicClock): Moment {
  return { monotonicMs: clock.monotonicMs() + delayMs, wallMs: clock.nowMs() + delayMs };
}

/** Returns the milliseconds until a moment, on the clock that reaches it first. Negative: it has passed. */
export function remainingMs({ monotonicMs, wallMs }: Moment, clock: MonotonicClock): number {
  return Math.min(monotonicMs - clock.monotonicMs(), wallMs - clock.nowMs());
}

/** Returns whether one of the two clocks has reached a moment. */
export function isOver(moment: Moment, clock: MonotonicClock): boolean {
  return remainingMs(moment, clock) <= 0;
}
