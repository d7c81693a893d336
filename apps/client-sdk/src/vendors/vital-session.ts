import { checkClient, followSignOuts, lookInside, type ClientInside } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import { settleWithin, type Ending } from '../calls/deadline.ts';
import { assertCurrent, eraOf } from '../session/session-context.ts';
import { fetchWithSession } from '../session/session-fetch.ts';
import { createSession } from '../session/session.ts';
import type { Session, SessionState } from '../session/session-types.ts';
import { ValetError } from '../errors/valet-error.ts';
import { parseVitalSessionOptions, type VitalPlace, type VitalSessionOptions } from './vital-session-options.ts';
import { placeOf, vitalSessionVendor, type VitalTicket } from './vital-session-vendor.ts';
import { readSignInToken } from './vital-sign-in-token.ts';
import type { VitalAuthenticateRequest } from './vital.ts';

/** The API-key sign-in of an earlier version of the app. */
export interface VitalApiKeyUser extends VitalPlace {
  readonly userId: string;
}

/** A status of Vital's Core SDK. */
export type VitalStatus = 'configured' | 'signedIn' | 'useSignInToken' | 'pendingReauthentication';

/**
 * The session of one user at Vital, with the functions of Vital's Core SDK, for platforms that the SDK does not serve. Each
 * function rejects with a `ValetError`.
 */
export interface VitalSession {
  /** Resolves with the statuses that hold. Rejects with `storage_unavailable` rather than with a wrong status. */
  readonly status: () => Promise<ReadonlySet<VitalStatus>>;
  /** Calls `listener` after each change of the status, even one of another tab. Returns a function that ends this. */
  readonly onStatusChange: (listener: (status: ReadonlySet<VitalStatus>) => void) => () => void;
  /** Resolves with the Vital user id, or with null if no user is signed in. */
  readonly currentUserId: () => Promise<string | null>;
  /**
   * Exchanges a sign-in token for a session, once per installation, and keeps nothing of the token. Rejects with
   * `already_signed_in` if a user is signed in, unless Vital wants the same user to sign in again.
   */
  readonly signIn: (signInToken: string) => Promise<void>;
  /**
   * Signs in the user that your app calls `externalUserId`. If that user is signed in, `authenticate` is not called. Another
   * user is signed out first, even if `authenticate` fails.
   */
  readonly identifyExternalUser: (
    externalUserId: string,
    authenticate: () => Promise<VitalAuthenticateRequest>,
  ) => Promise<void>;
  /**
   * Signs in the user of an API key of earlier versions of the app. Rejects with `migration_refused` if the sign-in token
   * is for another user, environment or region.
   */
  readonly migrate: (signInToken: string, from: VitalApiKeyUser) => Promise<void>;
  /** Resolves with an access token that is valid. */
  readonly accessToken: () => Promise<string>;
  /** Calls Vital's API as the user. A 401 causes one refresh and one more attempt, unless the body is a stream. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Erases the session, in all tabs. */
  readonly signOut: () => Promise<void>;
  /** The session itself, for its state and for `useSession` of React. */
  readonly session: Session<VitalTicket>;
  /** Stops following the other tabs and the client. The session stays in the storage. */
  readonly close: () => void;
}

/**
 * Creates the session of one user at Vital, for the web and Node, where Vital has no SDK. It signs in once and stays signed
 * in, refreshes by itself, and signs out if Vital deleted the user. `valet.signOut()` signs out here, too. The object can be
 * passed to `vitalReconcile` in place of Vital's SDK, with the same `connection`.
 *
 * Throws a `TypeError` that names an invalid option.
 *
 * @example
 * ```ts
 * import { vitalReconcile } from '@valetkey/client-sdk';
 * import { createVitalSession, indexedDbStorage } from '@valetkey/client-sdk/session';
 *
 * const vital = createVitalSession(valet, { storage: indexedDbStorage() });
 * await vitalReconcile(valet, vital)();
 * const response = await vital.fetch('/v2/summary/sleep/' + (await vital.currentUserId()));
 * ```
 */
export function createVitalSession(valet: ValetClient, options: VitalSessionOptions): VitalSession {
  checkClient(valet, 'createVitalSession', 'issue');
  const parsed = parseVitalSessionOptions(options);
  const { storage, fetch, apiUrl } = parsed;
  const inside = lookInside(valet);
  const { clock } = inside;
  const { timeoutMs = inside.timeoutMs } = parsed;
  const serverTimeOffsetMs = () => valet.serverTimeOffsetMs;
  const session = createSession(vitalSessionVendor(parsed), { storage, clock, timeoutMs, serverTimeOffsetMs });
  // A storage that cannot be erased now is erased before its next use.
  const unfollow = followSignOuts(valet, () => void session.signOut().catch(() => undefined));

  const api = {
    vendor: 'vital',
    session,
    accessToken: session.accessToken,
    fetch,
    clock,
    timeoutMs,
    urlOf: (path: string) => `${apiUrl(placeOf(session.state.details))}${path}`,
    headersOf: (accessToken: string) => ({ authorization: `Bearer ${accessToken}` }),
  };
  return Object.freeze({
    ...createVitalCalls(session, { clock, timeoutMs }),
    fetch: (path: string, init?: RequestInit) => fetchWithSession(api, { path, init }),
    session,
    close: () => {
      unfollow();
      session.close();
    },
  });
}

/** A call of `identifyExternalUser`. */
interface Identification {
  readonly externalUserId: string;
  readonly authenticate: () => Promise<VitalAuthenticateRequest>;
}

/** Creates the functions that Vital's Core SDK has. */
function createVitalCalls(session: Session<VitalTicket>, limits: Pick<ClientInside, 'clock' | 'timeoutMs'>) {
  let lastIdentification: Promise<unknown> = Promise.resolve();

  /** `era` is the one in which the app called: a sign-out of the app ends it. */
  async function identify({ externalUserId, authenticate }: Identification, calledIn: Ending): Promise<void> {
    let era = calledIn;
    const signOut = () => {
      const signedOut = session.signOut();
      era = eraOf(session);
      return signedOut;
    };
    const isDone = ({ status, details }: SessionState) =>
      status === 'signed_in' && details['externalUserId'] === externalUserId;
    const found = await session.load();
    assertCurrent(era);
    if (isDone(found)) return;
    const known = found.details['externalUserId'];
    // A known other user must not stay signed in if the request for a token fails.
    if (known !== undefined && known !== externalUserId) await signOut();
    const deadline = { ...limits, ending: era, what: '`authenticate`' };
    const request: Partial<VitalAuthenticateRequest> | undefined = await settleWithin(deadline, authenticate);
    const ticket = { ...readSignInToken(request?.rawToken), externalUserId };
    const current = await session.load();
    assertCurrent(era);
    // Another tab has signed the user in during the call.
    if (isDone(current)) return;
    const isSame = current.status === 'reauthentication_required' && current.details['userId'] === ticket.userId;
    if (current.status !== 'signed_out' && !isSame) await signOut();
    assertCurrent(era);
    await session.signIn(ticket).catch((error: unknown) => {
      if (!isDone(session.state)) throw error;
    });
  }

  return {
    status: async () => statusOf(await session.load()),
    onStatusChange: (listener: (status: ReadonlySet<VitalStatus>) => void) =>
      session.onStateChange((state) => listener(statusOf(state))),
    currentUserId: async () => (await session.load()).details['userId'] ?? null,
    signIn: async (signInToken: string) => session.signIn(readSignInToken(signInToken)),
    identifyExternalUser: (externalUserId: string, authenticate: Identification['authenticate']) => {
      const era = eraOf(session);
      const identification = lastIdentification.then(() => identify({ externalUserId, authenticate }, era));
      lastIdentification = identification.catch(() => undefined);
      return identification;
    },
    migrate: async (signInToken: string, from: VitalApiKeyUser) => {
      const ticket = readSignInToken(signInToken);
      for (const field of ['userId', 'environment', 'region'] as const) {
        // Vital's iOS SDK writes UUIDs in capital letters.
        if (ticket[field].toLowerCase() !== String(from[field]).toLowerCase()) throw migrationRefused(field);
      }
      await session.signIn(ticket);
    },
    accessToken: () => session.accessToken(),
    signOut: session.signOut,
  };
}

function statusOf({ status }: SessionState): ReadonlySet<VitalStatus> {
  const isPending = status === 'reauthentication_required';
  if (status !== 'signed_in' && !isPending) return new Set();
  return new Set([
    'configured',
    'signedIn',
    'useSignInToken',
    ...(isPending ? ['pendingReauthentication' as const] : []),
  ]);
}

function migrationRefused(field: string): ValetError {
  return new ValetError('migration_refused', `The sign-in token has another \`${field}\` than the API key.`, {
    remediation: 'Sign the user out, then sign in with a new token, or correct the connection of the broker.',
    vendor: 'vital',
  });
}
