import type { GetAppToken } from '../client/app-token.ts';
import { ValetError } from '../errors/valet-error.ts';

/** The part of an Authgear SDK container that this package uses (`@authgear/web`, `@authgear/react-native`). */
export interface AuthgearContainer {
  readonly accessToken?: string | undefined;
  /** `NO_SESSION` or `AUTHENTICATED`, and `UNKNOWN` before `configure`. */
  readonly sessionState: string;
  refreshAccessTokenIfNeeded(): Promise<unknown>;
  fetchUserInfo(): Promise<unknown>;
  /** `@authgear/web` 6.0.0 has it only in `baseContainer`. */
  clearSessionState?(): Promise<unknown>;
  readonly baseContainer?: { clearSessionState(): Promise<unknown> } | undefined;
}

/**
 * Creates the client's `getAppToken` from a configured Authgear container, for apps whose users sign in at Authgear.
 *
 * If the broker refused a token, the function asks Authgear whether the session still exists. If Authgear has revoked
 * it, the session state becomes `NO_SESSION` and the call rejects with `signed_out`. No other failure and no other state
 * counts as a sign-out: before `configure`, for example, calls reject with `app_token_unavailable`.
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
    const { sessionState, accessToken } = authgear;
    if (sessionState === 'NO_SESSION') return null;
    if (sessionState === 'AUTHENTICATED' && accessToken) return accessToken;
    throw new Error(
      `Authgear has no access token although its session state is ${sessionState}. Call configure before the first call.`,
    );
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

/**
 * Sets Authgear's session state to `NO_SESSION` on this device, without a request to Authgear. Call it when a call rejects
 * with `invalid_token`: the broker refused even a refreshed token, so the user must sign in again.
 *
 * Rejects with `invalid_request` if the container has no `clearSessionState`, or with the error of Authgear's SDK.
 *
 * @example
 * ```ts
 * import { authgearClearSession } from '@valetkey/client-sdk';
 *
 * await authgearClearSession(authgear);
 * ```
 */
export async function authgearClearSession(authgear: AuthgearContainer): Promise<void> {
  const container = [authgear, authgear.baseContainer].find((part) => typeof part?.clearSessionState === 'function');
  if (container === undefined) {
    const remediation = 'Pass the container of an Authgear SDK, or call `logout({ force: true })` of the SDK.';
    throw new ValetError('invalid_request', 'This Authgear SDK has no `clearSessionState`.', { remediation });
  }
  await container.clearSessionState?.();
}
