import type { ParsedSessionOptions } from './session-options.ts';
import type { CoolDown } from './cool-down.ts';
import { abortedError, type Ending } from '../calls/deadline.ts';
import { createEnding } from '../calls/ending.ts';
import { createSharedCalls, type SharedCalls } from '../calls/shared-calls.ts';
import { signedOutError } from './session-errors.ts';
import { neverEnding } from '../calls/client-inside.ts';
import type { ValetError } from '../errors/valet-error.ts';
import type { SessionReason, SessionVendor } from './session-types.ts';
import type { StoredSession } from './stored-session.ts';

/** The time between two sign-outs, wherever they happen. What begins in an era delivers nothing after it. */
export interface Era extends Ending {
  /** Whether another tab ended it. Calls under way then reject with `signed_out`, otherwise with `aborted`. */
  isEndedElsewhere: boolean;
  readonly end: () => void;
  readonly calls: SharedCalls;
}

/** What the functions of a session share. */
export interface SessionContext<Ticket> extends ParsedSessionOptions {
  readonly vendor: SessionVendor<Ticket>;
  readonly key: string;
  readonly stored: StoredSession;
  readonly coolDown: CoolDown;
  readonly currentEra: () => Era;
  /** Shows the app what the stored session has become. */
  readonly showState: (reason: SessionReason) => void;
}

export function createEra(): Era {
  return Object.assign(createEnding(), { isEndedElsewhere: false, calls: createSharedCalls() });
}

/** Throws if the era of a call is over. */
export function assertCurrent(own: Pick<Era, 'ended'> & Partial<Era>): void {
  if (own.ended) throw endedError(own);
}

export function endedError({ isEndedElsewhere }: Partial<Era>): ValetError {
  return isEndedElsewhere ? signedOutError() : abortedError();
}

const currentEraKey = Symbol.for('valetkey.session-era');

/** Lets `eraOf` find the current era of a session. */
export function showEra<Value extends object>(session: Value, currentEra: () => Era): Value {
  return Object.defineProperty(session, currentEraKey, { value: currentEra });
}

/** Returns the current era of a session. An object that a test wrote in place of a session has none. */
export function eraOf(session: object): Ending {
  return (session as { [currentEraKey]?: () => Era })[currentEraKey]?.() ?? neverEnding;
}
