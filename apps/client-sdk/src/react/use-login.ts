import { useMemo, useSyncExternalStore } from 'react';
import { useLoadOnce } from './use-load-once.ts';

interface User {
  readonly issuer: string;
  readonly subject: string;
}

/** What {@link useLogin} needs of a login. */
export interface ObservableLogin {
  readonly sessionState: LoginView['sessionState'];
  readonly user: User | undefined;
  readonly onSessionStateChange: (listener: () => void) => () => void;
  readonly configure: () => Promise<unknown>;
}

/** What {@link useLogin} returns. It contains no token. */
export interface LoginView {
  readonly sessionState: 'UNKNOWN' | 'NO_SESSION' | 'AUTHENTICATED';
  /** The user who is signed in. */
  readonly user: User | undefined;
}

const unknown: LoginView = Object.freeze({ sessionState: 'UNKNOWN', user: undefined });

/**
 * Returns the state of a login and its user, and renders again when one of them changes. Calls `configure` once after the
 * component was mounted. If `configure` rejects, the state stays `UNKNOWN`. On a server it is always `UNKNOWN`.
 *
 * @example
 * ```tsx
 * const { sessionState, user } = useLogin(login);
 * return sessionState === 'AUTHENTICATED' ? <Home key={user?.subject} /> : <SignIn />;
 * ```
 */
export function useLogin(login: ObservableLogin): LoginView {
  useLoadOnce(login, () => login.configure());
  const { subscribe, view } = useMemo(() => observeLogin(login), [login]);
  return useSyncExternalStore(subscribe, view, () => unknown);
}

function observeLogin(login: ObservableLogin) {
  let shown = unknown;
  return {
    subscribe: (listener: () => void) => login.onSessionStateChange(listener),
    view: () => {
      const { sessionState, user } = login;
      const isSame =
        shown.sessionState === sessionState &&
        shown.user?.issuer === user?.issuer &&
        shown.user?.subject === user?.subject;
      if (!isSame) shown = Object.freeze({ sessionState, user });
      return shown;
    },
  };
}
