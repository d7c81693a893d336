import { ValetKeyError, type Clock } from '@valetkey/core-types';
import type { VendorName } from './response.ts';

/** How a call ended, as far as the vendor's health is concerned; `unknown` for example where the caller aborted it. */
export type Outcome = 'healthy' | 'failed' | 'unknown';

/** Keeps calls away from a vendor that is down. */
export interface Circuit {
  /**
   * Admits a call and returns the function that receives its outcome. Throws `vendor_unavailable` while the circuit is
   * open. After the pause one call is admitted as a probe, whose outcome decides; a call that is no good probe is admitted
   * as one only after a minute without a better one.
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

/** Latest outcomes that are considered. */
const windowSize = 50;
/** Fewer outcomes than this decide nothing. */
const minOutcomes = 20;
/** Share of failures that opens the circuit: a vendor that fails every third call is still worth calling. */
const failureShare = 0.6;
const firstPauseMs = 5_000;
const maxPauseMs = 60_000;

/** Creates a closed circuit, which admits all calls. */
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
    pauseMs = Math.min(pauseMs * 2, maxPauseMs);
  };

  const close = (): void => {
    openUntilMs = undefined;
    pauseMs = firstPauseMs;
    onClose();
  };

  /** Counts a call that was admitted while the circuit was closed, unless the circuit opened before the call ended. */
  const count = (outcome: Outcome): void => {
    if (outcome === 'unknown' || openUntilMs !== undefined) return;
    outcomes.push(outcome);
    if (outcome === 'failed') failures += 1;
    if (outcomes.length > windowSize && outcomes.shift() === 'failed') failures -= 1;
    if (outcomes.length >= minOutcomes && failures >= outcomes.length * failureShare) open();
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
      if (waitMs > (isGoodProbe ? 0 : -maxPauseMs) || probing) {
        throw new ValetKeyError(
          'vendor_unavailable',
          `${vendor.title} failed repeatedly and is not called for a while.`,
          {
            vendor: vendor.id,
            reason: 'circuit_open',
            retryAfterSeconds: Math.max(Math.ceil(waitMs / 1_000), 1),
          },
        );
      }
      probing = true;
      return judge;
    },
    isOpen: () => openUntilMs !== undefined,
  };
}
