import { checkPath } from '../http/broker-url.ts';
import { isStream, parseHeaders, parseInit } from '../checks/arguments.ts';
import { abortedError, settleWithin } from '../calls/deadline.ts';
import type { MonotonicClock } from '../calls/clock.ts';
import { guardBody } from '../http/response-body.ts';
import { ValetError } from '../errors/valet-error.ts';
import { eraOf } from './session-context.ts';
import type { Session } from './session-types.ts';

/** How a vendor's API takes the token of a session. */
export interface SessionApi {
  /** The vendor's id, for errors. */
  readonly vendor: string;
  /** The session whose end ends the calls. */
  readonly session: Session<never>;
  /** Resolves with an access token of the session. */
  readonly accessToken: Session<never>['accessToken'];
  readonly fetch: typeof globalThis.fetch;
  readonly clock: MonotonicClock;
  /** Milliseconds until the headers of the response must have arrived. */
  readonly timeoutMs: number;
  /** Returns the URL of a path. Called after the session is known. */
  readonly urlOf: (path: string) => string;
  /** Returns the headers that carry the token. */
  readonly headersOf: (accessToken: string) => Readonly<Record<string, string>>;
}

/**
 * Calls the vendor's API with the token of a session. If the vendor responds with 401, the function refreshes and sends the
 * call once more, unless its body is a stream. Redirects are not followed. A sign-out ends the call, its body included.
 */
export async function fetchWithSession(
  { vendor, session, accessToken, fetch, clock, timeoutMs, urlOf, headersOf }: SessionApi,
  { path, init }: { readonly path: string; readonly init: RequestInit | undefined },
): Promise<Response> {
  const parsed = parseInit(init, vendor);
  checkPath(path, vendor);
  const { signal, body } = parsed;
  const ending = eraOf(session);
  return settleWithin({ clock, timeoutMs, signal, ending }, async (controller) => {
    const send = async (token: string) => {
      if (controller.signal.aborted) throw abortedError();
      const headers = parseHeaders(parsed.headers, vendor);
      const url = urlOf(path);
      for (const [name, value] of Object.entries(headersOf(token))) headers.set(name, value);
      const { signal: ended } = controller;
      const request = { ...parsed, headers, signal: ended, redirect: 'manual', credentials: 'omit' } as const;
      try {
        return await fetch(url, request);
      } catch {
        throw new ValetError('network_unavailable', 'The vendor is unreachable.', { vendor });
      }
    };
    const token = await accessToken();
    let response = await send(token);
    if (response.status === 401 && !isStream(body)) {
      const fresh = await accessToken({ refused: token });
      // The body of the first response would keep its connection open.
      response.body?.cancel().catch(() => undefined);
      response = await send(fresh);
    }
    return guardBody(response, { session: ending, controller, signal });
  });
}
