import { parseBrokerError } from './broker-response.ts';
import { requestAppToken } from './app-token.ts';
import type { ParsedOptions } from './options.ts';
import { ValetError } from './valet-error.ts';

/** A response of the broker. `midwayMs` is the time halfway between request and response, on this device's clock. */
export interface TimedResponse {
  readonly response: Response;
  readonly midwayMs: number;
}

/** Sends a request to the broker with the user's token. Rejects with the broker's error. */
export type SendAsUser = (
  url: string,
  init: RequestInit,
  controller: AbortController,
  vendor?: string,
) => Promise<TimedResponse>;

interface UserCallsDependencies extends Pick<ParsedOptions, 'clock' | 'fetch' | 'getAppToken'> {
  /** Runs `renew`, or joins a renewal of the app token that is under way. */
  readonly shareRenewal: (renew: (signal: AbortSignal) => Promise<string>) => Promise<string>;
}

/**
 * Creates the function that sends requests with the app token of the current user. If the broker responds with
 * `invalid_token`, the function requests a new app token and sends the request again, once. It does not if the body can
 * be sent only once.
 */
export function createUserCalls({ clock, fetch, getAppToken, shareRenewal }: UserCallsDependencies): SendAsUser {
  let renewalCount = 0;

  const renewAppToken = () =>
    shareRenewal(async (signal) => {
      const token = await requestAppToken(getAppToken, { forceRefresh: true, signal });
      renewalCount += 1;
      return token;
    });

  async function send(url: string, init: RequestInit, vendor?: string): Promise<TimedResponse> {
    const sentAtMs = clock.nowMs();
    let response: Response;
    try {
      response = await fetch(url, { ...init, redirect: 'error', credentials: 'omit' });
    } catch {
      throw new ValetError('network_unavailable', 'The broker is unreachable.', { vendor });
    }
    const error = await parseBrokerError(response, vendor);
    if (error !== undefined) throw error;
    return { response, midwayMs: (sentAtMs + clock.nowMs()) / 2 };
  }

  return async (url, init, { signal }, vendor) => {
    const sendWith = (token: string) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      return send(url, { ...init, headers, signal }, vendor);
    };
    const getToken = () => requestAppToken(getAppToken, { forceRefresh: false, signal });
    const renewalCountBefore = renewalCount;
    const token = await getToken();
    try {
      return await sendWith(token);
    } catch (error) {
      const refused = ValetError.isInstance(error) && error.code === 'invalid_token';
      if (!refused || !isResendable(init.body)) throw error;
      // Another call may have renewed the app token since this call began.
      const freshToken = await (renewalCount === renewalCountBefore ? renewAppToken() : getToken());
      if (freshToken === token) throw error;
      return sendWith(freshToken);
    }
  };
}

/** Returns whether a body can be sent twice: a stream cannot. */
function isResendable(body: RequestInit['body']): boolean {
  return typeof body !== 'object' || body === null || !('getReader' in body || Symbol.asyncIterator in body);
}
