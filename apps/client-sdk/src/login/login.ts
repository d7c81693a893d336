import type { GetAppToken } from '../client/app-token.ts';
import { parseCallOptions } from '../checks/arguments.ts';
import type { CallOptions } from '../client/call-options.ts';
import { isCode } from '../session/session-errors.ts';
import { createSession } from '../session/session.ts';
import type { AccessTokenOptions, Session, SessionVendor } from '../session/session-types.ts';
import { createSharedCalls } from '../calls/shared-calls.ts';
import { finishAuthorization } from './authorization-callback.ts';
import { authorize } from './authorization-request.ts';
import { createLoginFetch } from './login-fetch.ts';
import { parseLoginOptions, type ParsedLoginOptions } from './login-options.ts';
import { createLoginState, type LoginState } from './login-state.ts';
import type { Login, LoginOptions, LogoutOptions } from './login-types.ts';
import { createPendingRequests } from './pending-requests.ts';
import { endpointOf } from './provider-calls.ts';
import { createProvider, type LoginTicket, type Provider } from './provider.ts';
import { fetchUserInfo } from './user-info.ts';

/**
 * Creates the sign-in of an app at Authgear or at any other OpenID provider, by the authorization code flow with PKCE.
 *
 * Throws a `TypeError` that names an invalid option. Sends no request.
 *
 * @example
 * ```ts
 * import { createLogin } from '@valetkey/client-sdk/login';
 * import { memoryStorage } from '@valetkey/client-sdk/session';
 *
 * const login = createLogin({
 *   clientId: 'my-app',
 *   endpoint: 'https://my-project.authgear.cloud',
 *   redirectUri: 'https://app.example.com/callback',
 *   storage: memoryStorage(),
 * });
 * await login.configure();
 * if (login.sessionState !== 'AUTHENTICATED') location.assign(await login.authorize());
 * ```
 */
export function createLogin(options: LoginOptions): Login {
  const parsed = parseLoginOptions(options);
  const { storage, pendingStorage, clock, timeoutMs, onSessionStateChange } = parsed;
  const name = nameOf(parsed);
  const provider = createProvider(parsed);
  let revokes = true;
  const session = createSession(
    createVendor(provider, name, () => revokes),
    { storage, clock, timeoutMs },
  );
  const state = createLoginState(session);
  session.onStateChange(({ status }) => {
    if (status === 'signed_in') revokes = true;
  });
  if (onSessionStateChange !== undefined) state.onChange(onSessionStateChange);
  const pending = createPendingRequests(pendingStorage, `valetkey.${name}.pending`, clock);
  const dependencies = { ...parsed, provider, pending, session, ending: state.ending };
  const finishing = createSharedCalls();

  function endSession(by: 'LOGOUT' | 'CLEAR'): Promise<void> {
    revokes = by === 'LOGOUT';
    state.endBy(by);
    return session.signOut();
  }

  const login = {
    get sessionState() {
      return state.sessionState();
    },
    get sessionStateReason() {
      return state.reason();
    },
    get user() {
      return state.user();
    },
    configure: async () => {
      await session.load();
    },
    onSessionStateChange: state.onChange,
    authorize: (callOptions) => authorize(dependencies, callOptions),
    finishAuthorization: (callbackUrl) =>
      finishing.join(String(callbackUrl), () => finishAuthorization(dependencies, callbackUrl)),
    ...createTokenCalls(dependencies, state),
    logout: async (logoutOptions) => {
      const { redirectUri } = parseCallOptions<LogoutOptions>(logoutOptions, ['redirectUri']);
      await endSession('LOGOUT');
      return endSessionUrl(provider, parsed.clientId, redirectUri);
    },
    clearSessionState: () => endSession('CLEAR'),
    close: session.close,
  } satisfies Omit<Login, 'accessToken'>;
  // No program that prints a login prints its token.
  return Object.freeze(Object.defineProperty(login, 'accessToken', { get: state.accessToken })) as Login;
}

type TokenCallsDependencies = ParsedLoginOptions & {
  readonly provider: Provider;
  readonly session: Session<LoginTicket>;
  readonly ending: LoginState['ending'];
};

/** Creates the functions of a login that use its access token. */
function createTokenCalls(dependencies: TokenCallsDependencies, state: LoginState) {
  const { session } = dependencies;
  let appToken: string | undefined;

  async function tokenOf(options: AccessTokenOptions): Promise<string | null> {
    const own = state.ending();
    try {
      const token = await session.accessToken(options);
      state.keepAccessToken(token, own);
      return token;
    } catch (error) {
      if (isCode(error, 'signed_out')) return null;
      throw error;
    }
  }

  const getAppToken: GetAppToken = async ({ forceRefresh, signal }) => {
    const refused = forceRefresh ? (appToken ?? (await tokenOf({ signal })) ?? undefined) : undefined;
    const token = await tokenOf({ signal, refused });
    appToken = token ?? undefined;
    return token;
  };

  return {
    getAppToken,
    refreshAccessTokenIfNeeded: async (options?: CallOptions) => {
      const { signal } = parseCallOptions<CallOptions>(options, ['signal']);
      await tokenOf({ signal });
    },
    fetchUserInfo: async (options?: CallOptions) => {
      const { signal } = parseCallOptions<CallOptions>(options, ['signal']);
      return fetchUserInfo(dependencies, signal);
    },
    fetch: createLoginFetch({ ...dependencies, tokenOf }),
  };
}

function createVendor(provider: Provider, name: string, revokes: () => boolean): SessionVendor<LoginTicket> {
  return {
    name,
    exchange: (ticket, { signal }) => provider.redeem(ticket, signal),
    refresh: (tokens, { signal }) => provider.refresh(tokens, signal),
    revoke: async ({ refreshToken, accessToken }, { signal }) => {
      if (revokes()) await provider.revoke(refreshToken ?? accessToken, signal);
    },
  };
}

/**
 * Returns a name that no other client and no other provider has, so that neither finds the session of this one. It contains
 * both in full: the author of a client could choose one with the same short hash.
 */
function nameOf({ issuer, clientId }: ParsedLoginOptions): string {
  // A URL contains no space.
  return `login.${issuer} ${clientId}`.replace(/[^a-z0-9.-]/gi, (unit) => `_${unit.charCodeAt(0)}_`);
}

/** Returns the URL at which the provider ends its own session (OpenID Connect RP-Initiated Logout section 2). */
async function endSessionUrl(
  provider: Provider,
  clientId: string,
  redirectUri: string | undefined,
): Promise<string | undefined> {
  try {
    const url = endpointOf((await provider.metadata()).end_session_endpoint);
    url.searchParams.set('client_id', clientId);
    if (redirectUri !== undefined) url.searchParams.set('post_logout_redirect_uri', redirectUri);
    return url.href;
  } catch {
    // A device without a connection signs out as well.
    return undefined;
  }
}
