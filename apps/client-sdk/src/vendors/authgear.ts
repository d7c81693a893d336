import type { GetAppToken } from '../app-token.ts';

/** The part of an Authgear SDK container that this package uses (`@authgear/web`, `@authgear/react-native`). */
export interface AuthgearContainer {
  readonly accessToken?: string | undefined;
  readonly sessionState: string;
  refreshAccessTokenIfNeeded(): Promise<unknown>;
  fetchUserInfo(): Promise<unknown>;
}

/**
 * Creates the client's `getAppToken` from a configured Authgear container, for apps whose users sign in at Authgear.
 *
 * If the broker refused a token, the function asks Authgear whether the session still exists. If Authgear has revoked
 * it, the session state becomes `NO_SESSION` and the call rejects with `signed_out`. No other failure counts as a
 * sign-out.
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

/**
 * Calls `fetchUserInfo`, because Authgear's SDK renews only expired tokens and does not notice a revocation by itself.
 * If Authgear has revoked the session, `fetchUserInfo` throws and sets the session state to `NO_SESSION`.
 */
async function checkSession(authgear: AuthgearContainer): Promise<void> {
  try {
    await authgear.fetchUserInfo();
  } catch (error) {
    if (authgear.sessionState !== 'NO_SESSION') throw error;
  }
}
