import type { GetAppToken } from '../client/app-token.ts';
import type { CallOptions } from '../client/call-options.ts';
import type { ValetClock } from '../calls/clock.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';

/** Whether a user is signed in, as far as this device knows. `UNKNOWN` until `configure` has read the storage. */
export type LoginSessionState = 'UNKNOWN' | 'NO_SESSION' | 'AUTHENTICATED';

/** Why the session has its state. The words are those of Authgear's SDK. */
export type LoginSessionStateReason =
  /** The storage has no session, or another tab ended it. */
  | 'NO_TOKEN'
  /** The storage has a session, perhaps one that another tab began. */
  | 'FOUND_TOKEN'
  /** `finishAuthorization` signed the user in. */
  | 'AUTHENTICATED'
  /** `logout` ended the session. */
  | 'LOGOUT'
  /** The provider refused the session, for example because an operator revoked it. */
  | 'INVALID'
  /** `clearSessionState` ended the session. */
  | 'CLEAR';

/** Receives the state of the session after it changed, or after another user signed in. */
export type SessionStateListener = (sessionState: LoginSessionState, reason: LoginSessionStateReason) => void;

/** The options of {@link createLogin}. Pass either `endpoint` or `issuer`. */
export interface LoginOptions {
  /** The id of the app's public client at the provider. */
  readonly clientId: string;
  /** The endpoint of an Authgear project, such as `https://my-project.authgear.cloud`. */
  readonly endpoint?: string | undefined;
  /** The issuer of any other OpenID provider: an https URL, or http if the host is loopback. */
  readonly issuer?: string | undefined;
  /** Where the provider returns to after the sign-in, exactly as it is registered there. */
  readonly redirectUri: string;
  /**
   * The scopes, with `openid`. Default: `openid` and `offline_access`, and at Authgear
   * `https://authgear.com/scopes/full-access`.
   */
  readonly scopes?: readonly string[] | undefined;
  /** Where the session is kept. */
  readonly storage: DeviceStorage;
  /** Where a sign-in that has begun is kept. Default: the tab's `sessionStorage`, or `storage` where there is none. */
  readonly pendingStorage?: Pick<DeviceStorage, 'read' | 'replace'> | undefined;
  /** The origins to which `login.fetch` sends the access token, such as `https://api.example.com`. Default: none. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Receives each change of the session state. The login ignores errors that it throws. */
  readonly onSessionStateChange?: SessionStateListener | undefined;
  /** Sends the requests. Default: the platform's `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** The clock, which tests can replace. Default: the device's clock. */
  readonly clock?: ValetClock | undefined;
  /** Milliseconds that a call may take, apart from `login.fetch`. Default: 10 000. */
  readonly timeoutMs?: number | undefined;
  /** Seconds by which the device's clock may differ from the provider's at the sign-in. Default: 300. */
  readonly clockToleranceSeconds?: number | undefined;
  /** Returns `length` random bytes of a cryptographic quality. Default: WebCrypto, which React Native lacks. */
  readonly randomBytes?: ((length: number) => Uint8Array | Promise<Uint8Array>) | undefined;
  /** Returns the SHA-256 of bytes. Default: WebCrypto, which React Native and pages without https lack. */
  readonly sha256?: ((bytes: Uint8Array<ArrayBuffer>) => Bytes | Promise<Bytes>) | undefined;
}

export type Bytes = Uint8Array | ArrayBuffer;

/** The options of {@link Login.authorize}. */
export interface AuthorizeOptions extends CallOptions {
  /** How the provider asks the user, such as `login` or `none` (OpenID Connect Core section 3.1.2.1). */
  readonly prompt?: string | readonly string[] | undefined;
  /** The name under which the user may sign in, such as an e-mail address. */
  readonly loginHint?: string | undefined;
  /** The languages of the sign-in page, the preferred one first, such as `['fr-CA', 'en']`. */
  readonly uiLocales?: readonly string[] | undefined;
  /** A text of the app that `finishAuthorization` returns. It stays on the device. */
  readonly state?: string | undefined;
  /** Further parameters of the provider, such as `x_page` at Authgear. They must not replace those of the protocol. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** What {@link Login.finishAuthorization} resolves with. */
export interface AuthorizeResult {
  /** The `state` that the app passed to `authorize`. */
  readonly state: string | undefined;
  readonly user: LoginUser;
}

/** The user who is signed in: an issuer and its name for the user, never the name alone. */
export interface LoginUser {
  readonly issuer: string;
  readonly subject: string;
}

/** The claims about a user as the provider sent them (OpenID Connect Core section 5.3.2). */
export type UserInfo = Readonly<Record<string, unknown>> & { readonly sub: string };

/** The options of {@link Login.logout}. */
export interface LogoutOptions {
  /** Where the provider returns to after it ended its own session, as it is registered there. */
  readonly redirectUri?: string | undefined;
}

/** The sign-in of one app at one provider. Each function that returns a promise rejects with a `ValetError`. */
export interface Login {
  readonly sessionState: LoginSessionState;
  readonly sessionStateReason: LoginSessionStateReason;
  /** The user who is signed in, as far as this device knows. */
  readonly user: LoginUser | undefined;
  /**
   * The access token that the last call used. Call `refreshAccessTokenIfNeeded` each time before you read it. Undefined
   * if no user is signed in.
   */
  readonly accessToken: string | undefined;
  /** Reads the session from the storage. Sends no request. Rejects with `storage_unavailable`. */
  readonly configure: () => Promise<void>;
  /** Calls `listener` with each change of the session state. Returns a function that ends this. */
  readonly onSessionStateChange: (listener: SessionStateListener) => () => void;
  /**
   * Begins a sign-in: resolves with the URL of the provider's sign-in page, which the app opens. The sign-in must end
   * within 10 minutes, in the same tab.
   */
  readonly authorize: (options?: AuthorizeOptions) => Promise<string>;
  /**
   * Ends a sign-in with the URL on which the provider returned to the app. Concurrent calls with one URL share one
   * sign-in.
   *
   * Rejects with `callback_refused` for a URL that does not belong to a sign-in of this tab, was used before or comes too
   * late; with `access_denied` or `login_required` if the provider says so; with `already_signed_in` if there is a
   * session; and with `configuration_invalid` if the provider refuses the client.
   */
  readonly finishAuthorization: (callbackUrl: string | URL) => Promise<AuthorizeResult>;
  /** Refreshes the access token if it has expired or is about to. Resolves without a token if no user is signed in. */
  readonly refreshAccessTokenIfNeeded: (options?: CallOptions) => Promise<void>;
  /**
   * Resolves with the provider's claims about the user. Rejects with `signed_out` if no user is signed in, or if the
   * provider has ended the session, which also sets `NO_SESSION`.
   */
  readonly fetchUserInfo: (options?: CallOptions) => Promise<UserInfo>;
  /**
   * Works as `fetch`, and adds the access token to the request. If the server responds with 401, it refreshes the token
   * and sends the request again, once. Without a session it adds no token.
   *
   * Rejects with `invalid_request` for a URL outside `allowedOrigins`, and with `response_invalid` for a redirect, which it
   * never follows.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** The `getAppToken` of `createValetClient`. Returns null only if no user is signed in. */
  readonly getAppToken: GetAppToken;
  /**
   * Signs the user out: erases the session in every tab at once, and asks the provider to revoke its tokens, without
   * waiting for that. Resolves with the URL at which the provider ends its own session, if it has one.
   */
  readonly logout: (options?: LogoutOptions) => Promise<string | undefined>;
  /** Erases the session on this device. Sends no request. */
  readonly clearSessionState: () => Promise<void>;
  /** Stops following other tabs. The session stays in the storage. */
  readonly close: () => void;
}
