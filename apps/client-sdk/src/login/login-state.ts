import { callSafely } from '../calls/call-safely.ts';
import { createEnding } from '../calls/ending.ts';
import type { Ending } from '../calls/deadline.ts';
import type { Session, SessionDetails, SessionReason, SessionStatus } from '../session/session-types.ts';
import type { LoginSessionState, LoginSessionStateReason, LoginUser, SessionStateListener } from './login-types.ts';

/** The state of a login as the app sees it, in the words of Authgear's SDK. */
export interface LoginState {
  readonly sessionState: () => LoginSessionState;
  readonly reason: () => LoginSessionStateReason;
  readonly user: () => LoginUser | undefined;
  readonly onChange: (listener: SessionStateListener) => () => void;
  /** Says which function of the app ends the session. */
  readonly endBy: (reason: 'LOGOUT' | 'CLEAR') => void;
  /** What began before the end delivers nothing after it. */
  readonly ending: () => Ending;
  readonly accessToken: () => string | undefined;
  /** Keeps the access token for the app, unless `ending` has come. */
  readonly keepAccessToken: (token: string, ending: Ending) => void;
}

export function createLoginState(session: Session<never>): LoginState {
  const listeners = new Set<SessionStateListener>();
  let endReason: 'LOGOUT' | 'CLEAR' = 'LOGOUT';
  let reason: LoginSessionStateReason = 'NO_TOKEN';
  let accessToken: string | undefined;
  let wasSignedIn = false;
  let ending = createEnding();

  session.onStateChange((state) => {
    reason = reasonOf(state.status, state.reason, endReason);
    accessToken = undefined;
    // Calls that began without a session go on after a sign-in.
    if (wasSignedIn) {
      const ended = ending;
      ending = createEnding();
      ended.end();
    }
    wasSignedIn = state.status === 'signed_in';
    for (const listener of listeners) callSafely(() => listener(stateOf(state.status), reason), undefined);
  });

  return {
    sessionState: () => stateOf(session.state.status),
    reason: () => reason,
    user: () => (session.state.status === 'signed_in' ? userOf(session.state.details) : undefined),
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    endBy: (by) => {
      endReason = by;
    },
    ending: () => ending,
    accessToken: () => accessToken,
    keepAccessToken: (token, own) => {
      if (!own.ended) accessToken = token;
    },
  };
}

export function userOf({ issuer = '', subject = '' }: SessionDetails): LoginUser {
  return { issuer, subject };
}

function stateOf(status: SessionStatus): LoginSessionState {
  if (status === 'unknown') return 'UNKNOWN';
  return status === 'signed_in' ? 'AUTHENTICATED' : 'NO_SESSION';
}

function reasonOf(
  status: SessionStatus,
  reason: SessionReason,
  endReason: 'LOGOUT' | 'CLEAR',
): LoginSessionStateReason {
  if (status === 'signed_in') return reason === 'signed_in' ? 'AUTHENTICATED' : 'FOUND_TOKEN';
  if (reason === 'refused') return 'INVALID';
  return reason === 'signed_out' ? endReason : 'NO_TOKEN';
}
