import type { GetAppToken } from '../app-token.ts';

/** The part of an Authgear SDK container that this package uses (`@authgear/web`, `@authgear/react-native`). */
export interface AuthgearContainer {
  readonly accessToken?: string | undefined;
  readonly sessionState: string;
  refreshAccessTokenIfNeeded(): Promise<unknown>;
  fetchUserInfo(): Promise<unknown>;
}

/**
 * Creates the client's `getAppToken` from a configured Authgear container: users that Authgear signs in are the users of
 * the broker.
 *
 * After the broker has refused a token, the function checks with Authgear whether the session still exists. The session
 * of a revoked user becomes `NO_SESSION`, and the call rejects with `signed_out`. Nothing else ends a session.
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

/** Authgear's SDK renews only expired tokens. It learns of a revocation from `fetchUserInfo`, which then throws. */
async function checkSession(authgear: AuthgearContainer): Promise<void> {
  try {
    await authgear.fetchUserInfo();
  } catch (error) {
    if (authgear.sessionState !== 'NO_SESSION') throw error;
  }
}
