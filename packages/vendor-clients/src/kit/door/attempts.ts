import {
  codeOfForeignError,
  connectionDropped,
  ValetKeyError,
  type Clock,
  type VendorEvent,
} from '@valetkey/core-types';
import { isTimeout } from './call-limits.ts';
import type { VendorName } from './response.ts';

interface AttemptsOptions {
  readonly vendor: VendorName;
  readonly clock: Clock;
  /** Returns a number between 0 and 1. */
  readonly random: () => number;
  readonly onEvent: (event: VendorEvent) => void;
}

interface Attempt<Result> {
  readonly send: () => Promise<Result>;
  /** Turns what `send` threw into the error for the caller. */
  readonly explain: (failure: unknown) => unknown;
  /** When the call began, in the clock's monotonic milliseconds. It may have waited for a socket since then. */
  readonly startedAtMs: number;
  /** Returns whether the call has been at the vendor for at least half of its time, not counting waits for the caller. */
  readonly hadVendorHalfOfTime: () => boolean;
  /** Returns whether the call was sent on a TCP connection that had served a call before, and has no response yet. */
  readonly isOnUsedConnection: () => boolean;
  /** Whether sending the call twice does no harm. */
  readonly repeatable: boolean;
  /** Whether the vendor alone decides how the call ends. A caller that streams its body may hold the call up. */
  readonly isGoodProbe: boolean;
  /** What the vendor counts calls by, if it limits their rate for each of several. Default: all calls of the door. */
  readonly rateLimitKey?: string | undefined;
  /** Whether the caller composed the request. A healthy vendor may fail on such a request. */
  readonly isComposedByCaller: boolean;
  /** Waits, and rejects as soon as the deadline or the caller ends the call. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

/** Sends calls, and repeats those that failed temporarily, within a budget that protects a vendor in trouble. */
export interface Attempts {
  readonly run: <Result>(attempt: Attempt<Result>) => Promise<Result>;
}

const maxAttempts = 3;
const firstBackoffMs = 50;

/** Creates the attempts of one door. All its calls share a circuit, a retry budget and the pause that the vendor asks for. */
export function createAttempts({ vendor, clock, random, onEvent }: AttemptsOptions): Attempts {
  const requestedPause = createRequestedPause(vendor, clock);
  let lastResponseAtMs = -Infinity;
  const budget = createRetryBudget();
  const circuit = createCircuit({
    vendor,
    clock,
    onOpen: (retryAfterSeconds) => onEvent({ type: 'circuit_opened', vendor: vendor.id, retryAfterSeconds }),
    onClose: () => onEvent({ type: 'circuit_closed', vendor: vendor.id }),
  });

  /** Checks the pause first: the circuit would wait forever for a probe that the pause refused. */
  const admit = ({ isGoodProbe, rateLimitKey }: Attempt<unknown>) => {
    requestedPause.assertOver(rateLimitKey);
    return circuit.admit(isGoodProbe);
  };

  /** Reports a failure to the circuit and notes the pause that the vendor asked for. */
  const learn = (
    { failure, isDropped }: { readonly failure: unknown; readonly isDropped: boolean },
    attempt: Attempt<unknown>,
    report: (outcome: Outcome) => void,
  ): void => {
    if (isResponse(failure)) lastResponseAtMs = clock.monotonicMs();
    const outcome = isDropped || isInconclusive(failure, attempt, lastResponseAtMs) ? 'unknown' : outcomeOf(failure);
    report(outcome);
    if (outcome !== 'unknown' && ValetKeyError.isInstance(failure)) requestedPause.note(failure, attempt.rateLimitKey);
  };

  return {
    async run(attempt) {
      const { send, explain, repeatable, wait } = attempt;
      let report = admit(attempt);
      // A call that was refused above never reached the vendor, so it adds nothing to the budget.
      budget.deposit();
      for (let count = 1; ; count++) {
        let failure: unknown;
        let isDropped = false;
        try {
          const result = await send();
          lastResponseAtMs = clock.monotonicMs();
          report('healthy');
          return result;
        } catch (cause) {
          failure = explain(cause);
          isDropped = codeOfForeignError(cause) === connectionDropped && isTemporary(failure);
          learn({ failure, isDropped }, attempt, report);
        }
        if (!repeatable || !isTemporary(failure) || circuit.isOpen()) throw failure;
        if (isDropped) {
          // The vendor is not to blame, so this costs no attempt. Each repetition uses up a connection that had served a call.
          count -= 1;
        } else if (count === maxAttempts || !budget.withdraw()) {
          throw failure;
        }
        onEvent({ type: 'retried', vendor: vendor.id, reason: failure.reason ?? failure.code });
        if (!isDropped) await wait(random() * firstBackoffMs * 2 ** count);
        try {
          report = admit(attempt);
        } catch {
          // Other calls found the vendor down meanwhile. The failure of this call says more than the refusal.
          throw failure;
        }
      }
    },
  };
}

/** Returns whether the failure of a call may be the fault of the caller, of the calls before it or of an old connection. */
function isInconclusive(failure: unknown, attempt: Attempt<unknown>, lastResponseAtMs: number): boolean {
  if (attempt.isComposedByCaller && isAboutRequest(failure)) return true;
  if (!isTimeout(failure)) return false;
  // A firewall may have forgotten the idle connection, so that every packet is lost. The next call uses another connection.
  if (attempt.isOnUsedConnection()) return true;
  if (attempt.hadVendorHalfOfTime()) return false;
  // However little time this call had: a vendor that responded to no call since it began is at fault.
  return !attempt.isGoodProbe || lastResponseAtMs >= attempt.startedAtMs;
}

function outcomeOf(failure: unknown): Outcome {
  // Callers that abort, send an invalid body or are too many say nothing about the vendor.
  if (!ValetKeyError.isInstance(failure) || failure.status < 500 || failure.code === 'overloaded') return 'unknown';
  // A firewall that limits the calls of this broker is asked for a pause; it does not mean that the vendor is down.
  if (failure.cause?.type === 'intercepted' && failure.cause.status === 429) return 'healthy';
  return failure.code === 'vendor_unavailable' || failure.code === 'vendor_timeout' ? 'failed' : 'healthy';
}

/** Returns whether a failure was caused by a response of the vendor. */
function isResponse(failure: unknown): boolean {
  return (
    ValetKeyError.isInstance(failure) &&
    (failure.cause?.type === 'vendor_status' ||
      failure.cause?.type === 'intercepted' ||
      failure.code === 'vendor_response_invalid')
  );
}

/** Servers also respond with 500 and 501 to a request that they cannot process; 502 and above are about the server. */
function isAboutRequest(failure: unknown): boolean {
  const cause = ValetKeyError.isInstance(failure) ? failure.cause : undefined;
  return cause?.type === 'vendor_status' && (cause.status === 500 || cause.status === 501);
}

/** Returns whether a repetition may succeed at once. A vendor that names a pause is not called before its end. */
function isTemporary(failure: unknown): failure is ValetKeyError {
  return (
    ValetKeyError.isInstance(failure) &&
    failure.code === 'vendor_unavailable' &&
    failure.retryAfterSeconds === undefined
  );
}

/** Repetitions per call: a vendor in trouble receives at most a tenth more calls than it would without repetitions. */
const retryShare = 0.1;
/** The most repetitions that can be saved up. */
const maxSavedRetries = 10;

/** Decides whether a call may be repeated. The budget of a new door allows one repetition. */
function createRetryBudget() {
  let balance = 1 - retryShare;
  return {
    /** Adds the share of one first attempt. */
    deposit(): void {
      balance = Math.min(balance + retryShare, maxSavedRetries);
    },
    /** Uses up one repetition, and returns whether one was available. */
    withdraw(): boolean {
      // In binary, ten times 0.1 is slightly less than 1.
      if (balance < 1 - 1e-9) return false;
      balance -= 1;
      return true;
    },
  };
}

/** What the end of a call says about the vendor's health. `unknown`: nothing, for example because the caller aborted. */
type Outcome = 'healthy' | 'failed' | 'unknown';

/** Keeps calls away from a vendor that is down. */
interface Circuit {
  /**
   * Admits a call and returns the function that receives its outcome. Throws `vendor_unavailable` while the circuit is
   * open. After the pause, one call is admitted as a probe, and its outcome closes the circuit or opens it again. A call
   * that is no good probe is admitted only a minute after the pause.
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

/** The number of latest outcomes that are considered. */
const windowSize = 50;
/** The circuit opens only if at least this many outcomes are considered. */
const minOutcomes = 20;
/** Share of failures that opens the circuit: a vendor that fails every third call is still worth calling. */
const failureShare = 0.6;
const firstPauseMs = 5_000;
const maxPauseMs = 60_000;

/** Creates a closed circuit, which admits all calls. */
function createCircuit({ vendor, clock, onOpen, onClose }: CircuitOptions): Circuit {
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

/** The key of a pause of all calls. */
const allCalls = '';
/** The most pauses that are remembered. The oldest is forgotten first. */
const maxPauses = 10_000;

/** Remembers until when the vendor asked for no calls (`Retry-After`), of all calls or of those with one key. */
export function createRequestedPause(vendor: VendorName, clock: Clock) {
  const endsMs = new Map<string, number>();
  const waitOf = (key: string): number => {
    const waitMs = (endsMs.get(key) ?? 0) - clock.monotonicMs();
    if (waitMs <= 0) endsMs.delete(key);
    return waitMs;
  };
  return {
    /** Throws `vendor_rate_limited` during the pause. */
    assertOver(key: string = allCalls): void {
      if (endsMs.size === 0) return;
      const waitMs = Math.max(waitOf(allCalls), key === allCalls ? 0 : waitOf(key));
      if (waitMs <= 0) return;
      throw new ValetKeyError('vendor_rate_limited', `${vendor.title} asked for no calls for a while.`, {
        vendor: vendor.id,
        reason: 'held',
        retryAfterSeconds: Math.ceil(waitMs / 1_000),
      });
    },
    /** Notes the pause that a failure names. Only a rate limit is about one key; an outage is about the vendor. */
    note({ code, retryAfterSeconds }: ValetKeyError, rateLimitKey: string = allCalls): void {
      if (retryAfterSeconds === undefined) return;
      const key = code === 'vendor_rate_limited' ? rateLimitKey : allCalls;
      const endMs = Math.max(endsMs.get(key) ?? 0, clock.monotonicMs() + retryAfterSeconds * 1_000);
      // Set anew, so that the first of the map is the oldest.
      endsMs.delete(key);
      endsMs.set(key, endMs);
      const [oldest] = endsMs.keys();
      if (endsMs.size > maxPauses && oldest !== undefined) endsMs.delete(oldest);
    },
  };
}
