import type { ParsedSessionOptions } from './session-options.ts';
import type { CoolDown } from './cool-down.ts';
import { abortedError, type Ending } from '../deadline.ts';
import { createEnding } from '../ending.ts';
import { createSharedCalls, type SharedCalls } from '../shared-calls.ts';
import { signedOutError } from './session-errors.ts';
import type { SessionReason, SessionVendor } from './session-types.ts';
import type { StoredSession } from './stored-session.ts';

/** The time between two sign-outs, wherever they happen. What begins in an era delivers nothing after it. */
export interface Era extends Ending {
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
  return Object.assign(createEnding(), { calls: createSharedCalls() });
}

/** Throws if the era of a call is over. */
export function assertCurrent({ currentEra }: { readonly currentEra: () => Era }, own: Era): void {
  if (own.ended) throw abortedError();
  if (own !== currentEra()) throw signedOutError();
}
