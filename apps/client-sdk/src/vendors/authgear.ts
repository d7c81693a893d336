import type { GetAppToken } from '../app-token.ts';

/** What is used of an Authgear SDK container (`@authgear/web`, `@authgear/react-native`). */
export interface AuthgearContainer {
  readonly accessToken?: string | undefined;
  readonly sessionState: string;
  refreshAccessTokenIfNeeded(): Promise<unknown>;
  fetchUserInfo(): Promise<unknown>;
}

/**
 * Makes the client's `getAppToken` out of a configured Authgear container: users that Authgear signs in are the users
 * of the broker.
 *
 * When the broker has refused a token, it asks Authgear itself whether the session still stands: a revoked one becomes
 * `NO_SESSION` and `signed_out`. Nothing else ends a session.
 *
 * @example
 * ```ts
 * import authgear from '@authgear/web';
 * import { authgearAppToken, createValetClient } from '@valetkey/client-sdk';
 *
 * const valet = createValetClient({ brokerUrl: 'https://valet.example.com', getAppToken: authgearAppToken(authgear) });
 * ```
 */
export function authgearAppToken(authgear: AuthgearContainer): GetAppToken {
  return async ({ forceRefresh }) => {
    if (forceRefresh) await checkSession(authgear);
    await authgear.refreshAccessTokenIfNeeded();
    return authgear.accessToken;
  };
}

/** Authgear's SDK renews by expiry alone; a revocation it learns from `fetchUserInfo`, which then throws. */
async function checkSession(authgear: AuthgearContainer): Promise<void> {
  try {
    await authgear.fetchUserInfo();
  } catch (error) {
    if (authgear.sessionState !== 'NO_SESSION') throw error;
  }
}
