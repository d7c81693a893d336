import { parseBrokerError } from './answer.ts';
import { requestAppToken } from './app-token.ts';
import type { ParsedOptions } from './options.ts';
import { ValetError } from './valet-error.ts';

/** A response of the broker, and the moment halfway between the request and the response on this device's clock. */
export interface BrokerResponse {
  readonly response: Response;
  readonly midwayMs: number;
}

/** Sends a request to the broker with the user's token. Rejects with the broker's error. */
export type SendAsUser = (
  url: string,
  init: RequestInit,
  controller: AbortController,
  vendor?: string,
) => Promise<BrokerResponse>;

interface UserCallsDependencies extends Pick<ParsedOptions, 'clock' | 'fetch' | 'getAppToken'> {
  /** Runs a refresh of the app token once for all calls that need it at the same time. */
  readonly shareRefresh: (refresh: (signal: AbortSignal) => Promise<string>) => Promise<string>;
}

/**
 * Creates the function that sends requests as the current user. After `invalid_token` it requests a new app token once and
 * sends the request once more, if its body can be sent twice.
 */
export function createUserCalls({ clock, fetch, getAppToken, shareRefresh }: UserCallsDependencies): SendAsUser {
  let refreshCount = 0;

  const refreshAppToken = () =>
    shareRefresh(async (signal) => {
      const token = await requestAppToken(getAppToken, { forceRefresh: true, signal });
      refreshCount += 1;
      return token;
    });

  async function send(url: string, init: RequestInit, vendor?: string): Promise<BrokerResponse> {
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
    const refreshCountBefore = refreshCount;
    const token = await getToken();
    try {
      return await sendWith(token);
    } catch (error) {
      const refused = ValetError.isInstance(error) && error.code === 'invalid_token';
      if (!refused || !isResendable(init.body)) throw error;
      // Another call may have refreshed the token since this one began.
      const freshToken = await (refreshCount === refreshCountBefore ? refreshAppToken() : getToken());
      if (freshToken === token) throw error;
      return sendWith(freshToken);
    }
  };
}

/** Returns whether a body can be sent twice: a stream cannot. */
function isResendable(body: RequestInit['body']): boolean {
  return typeof body !== 'object' || body === null || !('getReader' in body || Symbol.asyncIterator in body);
}
