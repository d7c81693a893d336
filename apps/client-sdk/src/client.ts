import { parseBrokerError, parseIssueAnswer, parseSessionAnswer } from './answer.ts';
import { requestAppToken } from './app-token.ts';
import { proxyUrl, vendorUrl } from './broker-url.ts';
import { settleWithin } from './deadline.ts';
import type { ValetEvent } from './events.ts';
import { parseOptions, type ValetClientOptions } from './options.ts';
import { createSharedCalls } from './shared-calls.ts';
import { ValetError } from './valet-error.ts';
import type { VendorAnswers } from './vendors/answers.ts';
import type { IssueAnswer, IssueEnvelope, SessionAnswer } from './wire.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface IssueOptions extends CallOptions {
  /**
   * Joins an equal call that is under way instead of sending another. Use it only for tokens that are bound to the
   * company's account: a token bound to a user is issued anew for every call. Default: false.
   */
  readonly shared?: boolean | undefined;
}

/** The vendor's parameters, as its page in the documentation lists them. */
export type IssueParameters = Readonly<Record<string, unknown>>;

/** A client of one broker. Every function rejects with a {@link ValetError}, and none stores a token. */
export interface ValetClient {
  /** Requests a vendor's token from the broker: `POST /v1/vendors/{vendor}/token`. */
  issue<Vendor extends keyof VendorAnswers>(
    vendor: Vendor,
    parameters?: IssueParameters,
    options?: IssueOptions,
  ): Promise<IssueAnswer<VendorAnswers[Vendor]>>;
  issue<Fields extends object = Record<string, unknown>>(
    vendor: string,
    parameters?: IssueParameters,
    options?: IssueOptions,
  ): Promise<IssueAnswer<Fields>>;

  /**
   * Calls a vendor through the broker, which adds the vendor's credentials. Resolves with the vendor's response, whatever
   * its status, and rejects when the broker itself refused or failed.
   *
   * `path` starts with one `/` and stays below the vendor. The client replaces an `authorization` header of yours.
   */
  fetch(vendor: string, path: string, init?: RequestInit): Promise<Response>;

  /** Resolves with who the caller is and what they may do at which vendor: `GET /v1/session`. */
  session(options?: CallOptions): Promise<SessionAnswer>;

  /** Call it when the user signs out or changes: calls under way reject with `aborted`, and their results are dropped. */
  signOut(): void;

  /** The broker's clock minus this device's, in milliseconds, measured with the last response. */
  readonly serverTimeOffsetMs: number | undefined;
}

/**
 * Creates a client of the broker at `brokerUrl` for the user whose token `getAppToken` returns.
 *
 * After the broker's `invalid_token` the client requests a new token from `getAppToken` once and repeats the call once.
 * It repeats nothing else: the broker already retries vendors within a budget, and a second layer would multiply an
 * outage. Errors carry `retryable` and `retryAfterSeconds`.
 *
 * Throws a `TypeError` that names the wrong option.
 *
 * @example
 * ```ts
 * import { createValetClient } from '@valetkey/client-sdk';
 *
 * const valet = createValetClient({
 *   brokerUrl: 'https://valet.example.com',
 *   getAppToken: ({ forceRefresh }) => identity.currentUser?.getIdToken(forceRefresh) ?? null,
 * });
 * const { token } = await valet.issue('nudge');
 * ```
 */
export function createValetClient(options: ValetClientOptions): ValetClient {
  const { brokerUrl, getAppToken, fetch, clock, timeoutMs, onEvent } = parseOptions(options);
  const sharedCalls = createSharedCalls();
  let userSession = new AbortController();
  let refreshCount = 0;
  let serverTimeOffsetMs: number | undefined;

  function settle<Result>(
    signal: AbortSignal | null | undefined,
    task: (controller: AbortController) => Promise<Result>,
  ): Promise<Result> {
    return settleWithin({ clock, timeoutMs, signals: [signal, userSession.signal] }, task);
  }

  async function observe<Result>(
    call: Pick<ValetEvent, 'operation' | 'vendor'>,
    run: () => Promise<Result>,
  ): Promise<Result> {
    const startedAtMs = clock.nowMs();
    const report = (outcome: ValetEvent['outcome'], requestId?: string) => {
      try {
        onEvent({ ...call, outcome, durationMs: clock.nowMs() - startedAtMs, requestId });
      } catch {
        // A failure of the app's metrics must not fail the call.
      }
    };
    try {
      const result = await run();
      report('ok');
      return result;
    } catch (error) {
      const known = ValetError.isInstance(error) ? error : undefined;
      report(known?.code ?? 'internal', known?.requestId);
      throw error;
    }
  }

  /** Refreshes once for all calls that were refused at the same time. */
  function refreshAppToken(): Promise<string> {
    return sharedCalls.join('app token', () =>
      settle(undefined, async ({ signal }) => {
        const token = await requestAppToken(getAppToken, { forceRefresh: true, signal });
        refreshCount += 1;
        return token;
      }),
    );
  }

  async function send(url: string, init: RequestInit, vendor?: string) {
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

  async function sendAsUser(url: string, init: RequestInit, { signal }: AbortController, vendor?: string) {
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
  }

  function learnServerTime(serverTime: string, midwayMs: number): void {
    serverTimeOffsetMs = Math.round(Date.parse(serverTime) - midwayMs);
  }

  function issue(vendor: string, parameters?: IssueParameters, { signal, shared = false }: IssueOptions = {}) {
    const issueOnce = (signal?: AbortSignal) =>
      settle(signal, async (controller) => {
        const init = { method: 'POST', ...jsonBody(parameters) };
        const url = `${vendorUrl(brokerUrl, vendor)}/token`;
        const { response, midwayMs } = await sendAsUser(url, init, controller, vendor);
        const answer = await parseIssueAnswer(response, vendor);
        learnServerTime(answer.server_time, midwayMs);
        return answer;
      });
    return observe<IssueEnvelope>({ operation: 'issue', vendor }, () => {
      if (!shared) return issueOnce(signal);
      const key = JSON.stringify([vendor, parameters]);
      return settle(signal, () => sharedCalls.join(key, issueOnce));
    });
  }

  return Object.freeze<ValetClient>({
    // The response has the vendor's own fields; the function of each vendor checks those that it reads.
    issue: issue as ValetClient['issue'],

    fetch: (vendor, path, init = {}) =>
      observe({ operation: 'proxy', vendor }, () =>
        settle(init.signal, async (controller) => {
          const { response } = await sendAsUser(proxyUrl(brokerUrl, vendor, path), init, controller, vendor);
          // The body may still arrive after this call has settled.
          init.signal?.addEventListener('abort', () => controller.abort(), { once: true });
          return response;
        }),
      ),

    session: ({ signal } = {}) =>
      observe({ operation: 'session' }, () =>
        settle(signal, async (controller) => {
          const { response, midwayMs } = await sendAsUser(`${brokerUrl}/v1/session`, {}, controller);
          const answer = await parseSessionAnswer(response);
          learnServerTime(answer.server_time, midwayMs);
          return answer;
        }),
      ),

    signOut: () => {
      sharedCalls.clear();
      userSession.abort();
      userSession = new AbortController();
    },

    get serverTimeOffsetMs() {
      return serverTimeOffsetMs;
    },
  });
}

function jsonBody(parameters?: IssueParameters): RequestInit {
  if (parameters === undefined || Object.keys(parameters).length === 0) return {};
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(parameters) };
}

/** Returns whether a body can be sent twice: a stream cannot. */
function isResendable(body: RequestInit['body']): boolean {
  return typeof body !== 'object' || body === null || !('getReader' in body || Symbol.asyncIterator in body);
}
