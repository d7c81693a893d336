import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';

/** How a call ended, as far as the vendor's health is concerned; `unknown` where the caller left. */
export type Outcome = 'healthy' | 'failed' | 'unknown';

/** Keeps calls away from a vendor that is down. */
export interface Circuit {
  /**
   * Lets a call through and gives the function that hears how it ended. Throws `vendor_unavailable` while the circuit
   * is open; once that time is over, one call is let through as a probe and decides. One that is no good probe is taken
   * for it where no better one came for a minute.
   */
  readonly admit: (isGoodProbe: boolean) => (outcome: Outcome) => void;
  readonly isOpen: () => boolean;
}

interface CircuitOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  readonly onOpen: (retryAfterSeconds: number) => void;
  readonly onClose: () => void;
}

/** Outcomes that are looked back on. */
const windowSize = 50;
/** Fewer outcomes than these decide nothing. */
const minimumOutcomes = 20;
/** Share of failures that opens the circuit: a vendor that fails every third call is still worth calling. */
const failureShare = 0.6;
const firstPauseMs = 5_000;
const longestPauseMs = 60_000;

/** Makes a circuit that is closed: all calls pass. */
export function createCircuit({ vendor, clock, onOpen, onClose }: CircuitOptions): Circuit {
  let outcomes: Outcome[] = [];
  let failures = 0;
  let pauseMs = firstPauseMs;
  let openUntilMs: number | undefined;
  let probing = false;

  const open = (): void => {
    outcomes = [];
    failures = 0;
    openUntilMs = clock.monotonicMs() + pauseMs;
    onOpen(Math.ceil(pauseMs / 1_000));
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  };

  const close = (): void => {
    openUntilMs = undefined;
    pauseMs = firstPauseMs;
    onClose();
  };

  /** Counts a call that was let through while the circuit was closed. Those that end after it opened are old news. */
  const count = (outcome: Outcome): void => {
    if (outcome === 'unknown' || openUntilMs !== undefined) return;
    outcomes.push(outcome);
    if (outcome === 'failed') failures += 1;
    if (outcomes.length > windowSize && outcomes.shift() === 'failed') failures -= 1;
    if (outcomes.length >= minimumOutcomes && failures >= outcomes.length * failureShare) open();
  };

  const judge = (outcome: Outcome): void => {
    probing = false;
    if (outcome === 'failed') open();
    if (outcome === 'healthy') close();
  };

  return {
    admit(isGoodProbe) {
      if (openUntilMs === undefined) return count;
      const waitMs = openUntilMs - clock.monotonicMs();
      if (waitMs > (isGoodProbe ? 0 : -longestPauseMs) || probing) {
        throw new ValetKeyError('vendor_unavailable', `${vendor.title} is not called for the moment: it was failing.`, {
          vendor: vendor.id,
          reason: 'circuit_open',
          retryAfterSeconds: Math.max(Math.ceil(waitMs / 1_000), 1),
        });
      }
      probing = true;
      return judge;
    },
    isOpen: () => openUntilMs !== undefined,
  };
}
