import { ValetKeyError, type Clock, type VendorEvent } from '@valetkey/core-types';
import type { VendorName } from './answer.ts';
import { createCircuit, type Outcome } from './circuit.ts';
import { createHold } from './hold.ts';
import { createRetryBudget } from './retry-budget.ts';

interface AttemptsOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly onEvent: (event: VendorEvent) => void;
}

interface Attempt<Result> {
  readonly send: () => Promise<Result>;
  /** Turns whatever `send` threw into what the caller meets. */
  readonly explain: (failure: unknown) => unknown;
  /** Whether sending twice does no harm. */
  readonly repeatable: boolean;
  /** Whether the vendor alone decides how the call ends, so that it is good for finding out how the vendor is. */
  readonly isGoodProbe: boolean;
  /** Whether a caller made up what is asked, so that a vendor that fails on it may be well. */
  readonly isCallers: boolean;
  /** Waits, and rejects as soon as the call is ended. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

/** Sends calls as often as a vendor in trouble can bear. */
export interface Attempts {
  readonly run: <Result>(attempt: Attempt<Result>) => Promise<Result>;
}

const mostAttempts = 3;
const firstBackoffMs = 50;

/** Makes the attempts of one door: its circuit, its retry budget and its hold are shared by all its calls. */
export function createAttempts({ vendor, clock, random, onEvent }: AttemptsOptions): Attempts {
  const hold = createHold(vendor, clock);
  const budget = createRetryBudget();
  const circuit = createCircuit({
    vendor,
    clock,
    onOpen: (retryAfterSeconds) => onEvent({ type: 'circuit_opened', vendor: vendor.id, retryAfterSeconds }),
    onClose: () => onEvent({ type: 'circuit_closed', vendor: vendor.id }),
  });

  /** Asks the hold first: a probe that it turned away would never report. */
  const admit = (isGoodProbe: boolean) => {
    hold.check();
    return circuit.admit(isGoodProbe);
  };

  /** What a failure teaches the circuit and the hold. */
  const learn = (failure: unknown, isCallers: boolean, report: (outcome: Outcome) => void): void => {
    const outcome = isCallers && isAboutWhatWasAsked(failure) ? 'unknown' : outcomeOf(failure);
    report(outcome);
    if (outcome === 'unknown') return;
    if (ValetKeyError.isInstance(failure) && failure.retryAfterSeconds !== undefined) {
      hold.until(failure.retryAfterSeconds);
    }
  };

  return {
    async run({ send, explain, repeatable, isGoodProbe, isCallers, wait }) {
      let report = admit(isGoodProbe);
      // What was refused here reached nobody, so it pays for no repetition.
      budget.deposit();
      for (let count = 1; ; count++) {
        let failure: unknown;
        try {
          const result = await send();
          report('healthy');
          return result;
        } catch (cause) {
          failure = explain(cause);
          learn(failure, isCallers, report);
        }
        if (!repeatable || count === mostAttempts || !isPassing(failure) || circuit.isOpen() || !budget.withdraw()) {
          throw failure;
        }
        onEvent({ type: 'retried', vendor: vendor.id, reason: failure.reason ?? failure.code });
        await wait(random() * firstBackoffMs * 2 ** count);
        try {
          report = admit(isGoodProbe);
        } catch {
          // Others found the vendor down meanwhile. What this call met itself says more.
          throw failure;
        }
      }
    },
  };
}

function outcomeOf(failure: unknown): Outcome {
  // A caller that leaves or sends what is no body says nothing of the vendor, nor does a crowd of callers.
  if (!ValetKeyError.isInstance(failure) || failure.status < 500 || failure.code === 'overloaded') return 'unknown';
  return failure.code === 'vendor_unavailable' || failure.code === 'vendor_timeout' ? 'failed' : 'healthy';
}

/** A server says 500 of what it cannot cope with, too; 502 and above are about itself. */
function isAboutWhatWasAsked(failure: unknown): boolean {
  return ValetKeyError.isInstance(failure) && (failure.reason === 'status_500' || failure.reason === 'status_501');
}

/** Trouble that may be over in a moment; a vendor that names its own time is not asked before. */
function isPassing(failure: unknown): failure is ValetKeyError {
  return (
    ValetKeyError.isInstance(failure) &&
    failure.code === 'vendor_unavailable' &&
    failure.retryAfterSeconds === undefined
  );
}
