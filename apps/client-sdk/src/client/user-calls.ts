import { requestAppToken } from './app-token.ts';
import { isStream, parseHeaders } from '../checks/arguments.ts';
import { checkSource, parseBrokerError } from './broker-response.ts';
import { abortedError } from '../calls/deadline.ts';
import type { Authorization } from './dpop.ts';
import type { ParsedOptions } from './options.ts';
import type { ServerTime } from './server-time.ts';
import type { UserSession } from './user-session.ts';
import { ValetError } from '../errors/valet-error.ts';

/** A request to the broker on behalf of the user of a session. */
export interface UserRequest {
  readonly session: UserSession;
  readonly url: string;
  readonly init: RequestInit;
  readonly signal: AbortSignal;
  readonly vendor?: string | undefined;
  /** The user's app token. Absent: the request asks `getAppToken`. */
  readonly token?: string | undefined;
}

/** A response of the broker. `elapsedMs` is the time between request and response. */
export interface TimedResponse {
  readonly response: Response;
  readonly elapsedMs: number;
}

/** Sends a request to the broker with the user's token. Rejects with the broker's error. */
export type SendAsUser = (request: UserRequest) => Promise<TimedResponse>;

interface UserCallsDependencies extends Pick<ParsedOptions, 'brokerUrl' | 'clock' | 'fetch'> {
  readonly serverTime: ServerTime;
  readonly authorization: Authorization;
}

/**
 * Creates the function that sends requests with the app token of the current user. If the broker responds with
 * `invalid_token`, the function requests a new app token and sends the request again, once. It does not if the body can
 * be sent only once.
 */
export function createUserCalls(dependencies: UserCallsDependencies): SendAsUser {
  const { brokerUrl, clock, fetch, serverTime, authorization } = dependencies;

  /** Sends a request with a token. If the broker refuses the DPoP proof, the function sends a new proof, once. */
  async function send(
    request: UserRequest,
    init: RequestInit & { readonly headers: Headers },
    token: string,
    mayRepeat = !isStream(init.body),
  ): Promise<TimedResponse> {
    const { url, signal, vendor } = request;
    await authorization.authorize(token, { ...init, url });
    // The signal may have aborted during `getAppToken` or `dpop`; the token is then not used.
    if (signal.aborted) throw abortedError();
    const sentAtMs = clock.monotonicMs();
    let response: Response;
    try {
      response = await fetch(url, init);
    } catch {
      throw new ValetError('network_unavailable', 'The broker is unreachable.', { vendor });
    }
    const elapsedMs = clock.monotonicMs() - sentAtMs;
    const context = { brokerUrl, serverTime, vendor };
    const from = checkSource(response, context);
    const error = from === 'broker' ? await parseBrokerError(response, context) : undefined;
    const isProofRefused = authorization.learn(response, elapsedMs);
    if (error === undefined) return { response, elapsedMs };
    if (isProofRefused && mayRepeat) return send(request, init, token, false);
    throw error;
  }

  return async (request) => {
    const { session, signal, vendor } = request;
    const headers = parseHeaders(request.init.headers, vendor);
    const sendWith = (token: string) =>
      // `error` throws on workerd, so the client itself refuses a redirect.
      send(request, { ...request.init, headers, signal, redirect: 'manual', credentials: 'omit' }, token);
    const getToken = () => requestAppToken(session.getAppToken, { forceRefresh: false, signal });
    const renewalsBefore = session.renewals.count();
    const token = request.token ?? (await getToken());
    try {
      return await sendWith(token);
    } catch (error) {
      if (signal.aborted || !isRefusal(error) || isStream(request.init.body)) throw error;
      // Another call may have renewed the app token since this call began.
      const current = session.renewals.count() === renewalsBefore ? token : await getToken();
      const fresh = current === token ? await session.renewals.renew(token) : current;
      if (fresh === token) throw error;
      return sendWith(fresh);
    }
  };
}

function isRefusal(error: unknown): boolean {
  return ValetError.isInstance(error) && error.code === 'invalid_token';
}
