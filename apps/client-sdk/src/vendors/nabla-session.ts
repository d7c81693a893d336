import { requireStringFields } from '../client/broker-response.ts';
import { checkClient, followSignOuts, lookInside } from '../calls/client-inside.ts';
import type { ValetClient } from '../client/client.ts';
import { claimsOf } from '../session/jwt-claims.ts';
import { fetchWithSession } from '../session/session-fetch.ts';
import { createSession } from '../session/session.ts';
import { requestTokens } from '../session/token-request.ts';
import type {
  Session,
  SessionCall,
  SessionCallOptions,
  SessionTokens,
  SessionVendor,
} from '../session/session-types.ts';
import { ValetError } from '../errors/valet-error.ts';
import {
  parseNablaSessionOptions,
  type NablaSessionOptions,
  type ParsedNablaSessionOptions,
} from './nabla-session-options.ts';
import type { NablaSessionTokens } from './nabla.ts';

/** The session of one patient at Nabla, for platforms that Nabla's SDK does not serve. */
export interface NablaSession {
  /**
   * Resolves with an access token that is valid. Rejects with the error of the broker or of the refresh, and with
   * `already_signed_in` if another tab began the session of another user during the call.
   */
  readonly accessToken: (options?: SessionCallOptions) => Promise<string>;
  /** Calls Nabla's API as the patient. A 401 causes one refresh and one more attempt, unless the body is a stream. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** Erases the session, in all tabs. */
  readonly signOut: () => Promise<void>;
  /** The session itself, for its state and for `useSession` of React. */
  readonly session: Session<NablaSessionTokens>;
  /** Stops following the other tabs and the client. The session stays in the storage. */
  readonly close: () => void;
}

/**
 * Creates the session of one patient at Nabla. It refreshes on the device, and requests new tokens from the broker only if no
 * valid refresh token is left. A session of another `userId` is erased before anything else, and `valet.signOut()` erases
 * this one.
 *
 * Throws a `TypeError` that names an invalid option.
 *
 * @example
 * ```ts
 * import { createNablaSession, memoryStorage } from '@valetkey/client-sdk/session';
 *
 * const nabla = createNablaSession(valet, { userId, publicApiKey, storage: memoryStorage() });
 * const response = await nabla.fetch('/v1/patient/graphql/sdk/authenticated', { method: 'POST', body });
 * ```
 */
export function createNablaSession(valet: ValetClient, options: NablaSessionOptions): NablaSession {
  checkClient(valet, 'createNablaSession', 'issue');
  const parsed = parseNablaSessionOptions(options);
  const { storage, fetch, baseUrl, headers } = parsed;
  const inside = lookInside(valet);
  const { clock } = inside;
  const { timeoutMs = inside.timeoutMs } = parsed;
  const serverTimeOffsetMs = () => valet.serverTimeOffsetMs;
  const session = createSession(nablaSessionVendor(valet, parsed), { storage, clock, timeoutMs, serverTimeOffsetMs });
  // A storage that cannot be erased now is erased before its next use.
  const unfollow = followSignOuts(valet, () => void session.signOut().catch(() => undefined));

  const api = {
    vendor,
    session,
    accessToken: session.accessToken,
    fetch,
    clock,
    timeoutMs,
    urlOf: (path: string) => `${baseUrl}${path}`,
    headersOf: (token: string) => ({ ...headers, 'x-nabla-authorization': `Bearer ${token}` }),
  };
  return Object.freeze({
    accessToken: (callOptions?: SessionCallOptions) => session.accessToken(callOptions),
    fetch: (path: string, init?: RequestInit) => fetchWithSession(api, { path, init }),
    signOut: session.signOut,
    session,
    close: () => {
      unfollow();
      session.close();
    },
  });
}

const vendor = 'nabla';

/** Says how a session at Nabla begins and is refreshed. Source: the patient authentication of Nabla's SDKs. */
function nablaSessionVendor(
  valet: ValetClient,
  { connection, fetch, baseUrl, headers, userId }: ParsedNablaSessionOptions,
): SessionVendor<NablaSessionTokens> {
  async function refresh(refreshToken: string, { signal, nowMs }: SessionCall): Promise<SessionTokens> {
    if (secondsLeft(refreshToken, nowMs()) <= 0) throw new ValetError('signed_out', 'The refresh token has expired.');
    const url = `${baseUrl}/v1/patient/jwt/refresh`;
    const body = { refresh_token: refreshToken };
    // Nabla's SDKs send no access token with a refresh.
    const refusalOf = (status: number) => (status === 401 ? ('signed_out' as const) : undefined);
    const response = await requestTokens({ vendor, url, headers, body, refusalOf }, { fetch, signal });
    return tokensOf(response, userId, nowMs());
  }

  return {
    name: connection,
    accepts: (details) => details['userId'] === userId,
    get: async ({ signal }) => {
      const response = await valet.issue(connection, undefined, { signal });
      const fields = requireStringFields(response, 'access_token', 'refresh_token');
      return { accessToken: fields.access_token, refreshToken: fields.refresh_token };
    },
    exchange: async ({ accessToken, refreshToken }, call) =>
      // The provider of an app may return an access token that has expired.
      secondsLeft(accessToken, call.nowMs()) <= 0
        ? refresh(refreshToken, call)
        : tokensOf({ access_token: accessToken, refresh_token: refreshToken }, userId, call.nowMs()),
    refresh: ({ refreshToken }, call) => refresh(refreshToken, call),
  };
}

/** The engine checks the types of the fields. */
function tokensOf(response: Record<string, unknown>, userId: string, nowMs: number): SessionTokens {
  const { access_token: accessToken, refresh_token: refreshToken } = response;
  const expiresInSeconds = secondsLeft(accessToken, nowMs);
  return { accessToken, refreshToken, expiresInSeconds, details: { userId } } as SessionTokens;
}

/** Returns the seconds until a token expires, or Infinity for one that never does. Nabla wants no other claim to be used. */
function secondsLeft(jwt: unknown, nowMs: number): number {
  const claims = claimsOf(jwt);
  if (claims === undefined) {
    throw new ValetError('vendor_response_invalid', 'A token of Nabla cannot be read.', { vendor });
  }
  const { exp } = claims;
  return typeof exp === 'number' ? exp - nowMs / 1000 : Infinity;
}
