import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@valetkey/core-types';

/** The most requests that start in one turn of the event loop while others wait. The decisions of one turn share a transaction. */
const maxStartsPerTurn = 32;
/**
 * A line of waiting requests that was not empty for this long, and for this many turns, means that the broker is saturated. A burst
 * of 1,500 requests does not: its line becomes empty.
 */
const saturatedAfter = { milliseconds: 150, turns: 48 };
/** While the broker is saturated, a request that has waited longer than this is refused. */
const maxWaitMs = 25;
/** The broker is no longer saturated when no request has waited that long for this time. */
const calmMs = 2_000;
/** The most requests that are refused in one turn: a long turn would make more requests wait too long. */
const maxRefusalsPerTurn = 512;

/** Starts or refuses a request. */
type Start = (isRefused: boolean) => void;

interface Waiting {
  readonly start: Start;
  readonly sinceMs: number;
}

/** Decides when a request starts, so that a broker with more work than it can do serves as many requests as before and refuses the rest at once. */
export interface Admission {
  /** The number of requests that may start without waiting. 0 while requests wait. */
  startsLeft: number;
  /** Starts a request in its turn, or refuses it if the broker is saturated and the request has waited too long. */
  readonly wait: (start: Start) => void;
}

/** What becomes of the requests of a listener while the broker has more work than it can do. */
export interface AdmissionRules {
  readonly admission: Admission;
  /** Returns whether a request starts at once, whatever else waits. */
  readonly isExempt: (request: IncomingMessage) => boolean;
  readonly refuse: (request: IncomingMessage, response: ServerResponse) => void;
}

export interface AdmissionDependencies {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Runs a function in the next turn of the event loop. */
  readonly defer?: ((run: () => void) => void) | undefined;
  /** Called when the broker becomes saturated, and with the number of refused requests when it is no longer saturated. */
  readonly onChange?: ((change: 'saturated' | { readonly refused: number }) => void) | undefined;
}

/**
 * Creates the admission of a listener. Requests that arrive at once start in the order of their arrival, a few in each turn, so
 * that those under way are finished first. If the line does not become empty for a while, more requests arrive than the broker
 * can serve: from then on, those that have waited too long are refused.
 */
export function createAdmission({ clock, defer = setImmediate, onChange }: AdmissionDependencies): Admission {
  let line: Waiting[] = [];
  /** The turns since the line was empty, and when the first request of the line came. */
  let turns = 0;
  let waitingSinceMs = 0;
  let isSaturated = false;
  let lateAtMs = 0;
  let refused = 0;

  const refuseLate = (nowMs: number): void => {
    const late = line.slice(0, maxRefusalsPerTurn).filter(({ sinceMs }) => nowMs - sinceMs > maxWaitMs);
    if (late.length === 0) return;
    line = line.slice(late.length);
    lateAtMs = nowMs;
    refused += late.length;
    for (const { start } of late) start(true);
  };
  const runTurn = (): void => {
    const nowMs = clock.monotonicMs();
    turns += 1;
    if (!isSaturated && turns > saturatedAfter.turns && nowMs - waitingSinceMs > saturatedAfter.milliseconds) {
      isSaturated = true;
      lateAtMs = nowMs;
      onChange?.('saturated');
    }
    for (const { start } of line.splice(0, maxStartsPerTurn)) start(false);
    if (isSaturated) refuseLate(nowMs);
    if (line.length > 0) {
      defer(runTurn);
      return;
    }
    admission.startsLeft = maxStartsPerTurn;
    turns = 0;
    if (!isSaturated || nowMs - lateAtMs < calmMs) return;
    isSaturated = false;
    onChange?.({ refused });
    refused = 0;
  };
  const admission: Admission = {
    startsLeft: maxStartsPerTurn,
    wait: (start) => {
      const sinceMs = clock.monotonicMs();
      if (line.push({ start, sinceMs }) > 1) return;
      waitingSinceMs = sinceMs;
      admission.startsLeft = 0;
      defer(runTurn);
    },
  };
  return admission;
}
