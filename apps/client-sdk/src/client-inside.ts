import type { MonotonicClock } from './clock.ts';
import type { UserSession } from './user-session.ts';

/** What the functions of vendors need of a client besides its public functions. */
export interface ClientInside {
  readonly clock: MonotonicClock;
  readonly timeoutMs: number;
  readonly currentSession: () => UserSession;
}

/** The key of {@link ClientInside} in a client. It is the same in every installed copy of this package. */
export const insideOf = Symbol.for('valetkey.client-inside');
