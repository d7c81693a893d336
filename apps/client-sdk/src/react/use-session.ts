import { useCallback, useSyncExternalStore } from 'react';
import type { Session, SessionState } from '../session/session-types.ts';
import { useLoadOnce } from './use-load-once.ts';

/** What {@link useSession} needs of a session. `state` must be the same object until it changes. */
export type ObservableSession = Pick<Session<never>, 'state' | 'onStateChange' | 'load'>;

/** A server cannot read the storage of a device, and the first rendering in a browser must be equal to the server's. */
const unknown: SessionState = Object.freeze({ status: 'unknown', reason: 'start', details: Object.freeze({}) });

/**
 * Returns the state of a session and renders again when it changes. Calls `load` once after the component was mounted. If
 * `load` rejects, the status stays `unknown`. On a server the status is always `unknown`.
 *
 * @example
 * ```tsx
 * const { status } = useSession(session);
 * return status === 'signed_in' ? <Home /> : <SignIn />;
 * ```
 */
export function useSession(session: ObservableSession): SessionState {
  useLoadOnce(session, () => session.load());
  const subscribe = useCallback((listener: () => void) => session.onStateChange(listener), [session]);
  return useSyncExternalStore(
    subscribe,
    () => session.state,
    () => unknown,
  );
}
