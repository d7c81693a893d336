import type { ValetClock } from '../calls/clock.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';

/** What a vendor returns for a sign-in or a refresh. */
export interface SessionTokens {
  readonly accessToken: string;
  /** Absent: the session ends with its access token, or the vendor's `get` is asked again. */
  readonly refreshToken?: string | undefined;
  /** Seconds for which the access token is valid. Absent: it is used until the vendor refuses it. */
  readonly expiresInSeconds?: number | undefined;
  /** What later calls need and the app may see, such as the user's id. It is no secret. */
  readonly details: SessionDetails;
}

export type SessionDetails = Readonly<Record<string, string>>;

/** What a function of a {@link SessionVendor} knows about the call that it serves. */
export interface SessionCall {
  /** Aborts when nobody waits for the result. */
  readonly signal: AbortSignal;
  /** The vendor's time as far as it is known, in milliseconds since 1970. */
  readonly nowMs: () => number;
  /** The details of the session that waits for re-authentication, if `exchange` is called for one. */
  readonly details?: SessionDetails | undefined;
}

/**
 * How a vendor begins, refreshes and ends sessions.
 *
 * A function rejects with `signed_out` if the vendor has ended the session, and with `reauthentication_required` if the
 * same user must sign in again. Any other error leaves the session as it is.
 */
export interface SessionVendor<Ticket> {
  /** The name under which the session is stored, such as `vital`. */
  readonly name: string;
  /** Gets a ticket without the user, such as from the broker. Absent: a session begins only by `signIn`. */
  readonly get?: ((call: SessionCall) => Promise<Ticket>) | undefined;
  /** Trades a ticket for the tokens of a session. */
  readonly exchange: (ticket: Ticket, call: SessionCall) => Promise<SessionTokens>;
  readonly refresh: (
    tokens: SessionTokens & { readonly refreshToken: string },
    call: SessionCall,
  ) => Promise<SessionTokens>;
  /** Returns whether a stored session is one of this app's user. Another one is erased before anything else. Default: each is. */
  readonly accepts?: ((details: SessionDetails) => boolean) | undefined;
  /** Withdraws tokens at the vendor after a sign-out. Its failure is ignored. */
  readonly revoke?: ((tokens: SessionTokens, call: SessionCall) => Promise<unknown>) | undefined;
}

/** `unknown` until the storage was read. */
export type SessionStatus = 'unknown' | 'signed_out' | 'signed_in' | 'reauthentication_required';

/** Why a session has its status. */
export type SessionReason =
  /** Nothing was read yet. */
  | 'start'
  /** The storage has a session, or none. */
  | 'restored'
  | 'signed_in'
  | 'signed_out'
  /** Another tab signed in or out. */
  | 'elsewhere'
  /** The vendor refused the refresh. */
  | 'refused';

/** The state of a session. It contains no token. */
export interface SessionState {
  readonly status: SessionStatus;
  readonly reason: SessionReason;
  /** Empty unless a user is signed in or must sign in again. */
  readonly details: SessionDetails;
}

/** The options of {@link createSession}. */
export interface SessionOptions {
  /** Where the session is kept. */
  readonly storage: DeviceStorage;
  /** Milliseconds that a call may take. Default: 10 000. */
  readonly timeoutMs?: number | undefined;
  /** The clock, which tests can replace. Default: the device's clock. */
  readonly clock?: ValetClock | undefined;
  /** Returns the server's clock minus the device's clock in milliseconds, as far as it is known. Default: unknown. */
  readonly serverTimeOffsetMs?: (() => number | undefined) | undefined;
}

/** The options of a call. */
export interface SessionCallOptions {
  /** Ends the call with `aborted`. A refresh that other calls share goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of {@link Session.accessToken}. */
export interface AccessTokenOptions extends SessionCallOptions {
  /** An access token that the vendor refused: the session refreshes unless it has a newer one. */
  readonly refused?: string | undefined;
}

/** The session of one user at one vendor. Each function that returns a promise rejects with a `ValetError`. */
export interface Session<Ticket> {
  /** What is known without a request. */
  readonly state: SessionState;
  /** Calls `listener` with each new state. Returns a function that ends this. An error that `listener` throws is ignored. */
  readonly onStateChange: (listener: (state: SessionState) => void) => () => void;
  /** Reads the storage and resolves with the state. Sends no request. Rejects with `storage_unavailable`. */
  readonly load: () => Promise<SessionState>;
  /**
   * Begins a session with a ticket, once: rejects with `already_signed_in` if there is a session.
   */
  readonly signIn: (ticket: Ticket, options?: SessionCallOptions) => Promise<void>;
  /**
   * Resolves with an access token that is valid, and refreshes it if necessary. Callers share one refresh and its failure.
   *
   * Rejects with `signed_out`, `reauthentication_required`, `storage_unavailable`, or the error of a request, which never
   * ends the session.
   */
  readonly accessToken: (options?: AccessTokenOptions) => Promise<string>;
  /**
   * Ends the session at once, in this tab and in all others, and replaces it in the storage by a mark without a user or a
   * token. Calls under way reject with
   * `aborted`. Rejects with `storage_unavailable` if the storage cannot be erased; no call uses the session any more,
   * and later calls erase it before they do anything else.
   */
  readonly signOut: () => Promise<void>;
  /** Stops following the other tabs. The session stays in the storage. */
  readonly close: () => void;
}
