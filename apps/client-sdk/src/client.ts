import { brokerError, readIssueAnswer, readSessionAnswer } from './answer.ts';
import { askAppToken } from './app-token.ts';
import { proxyUrl, vendorUrl } from './broker-url.ts';
import { settleWithin } from './deadline.ts';
import type { ValetEvent } from './events.ts';
import { checkOptions, type ValetClientOptions } from './options.ts';
import { createSharedCalls } from './shared-calls.ts';
import { ValetError } from './valet-error.ts';
import type { VendorAnswers } from './vendors/answers.ts';
import type { IssueAnswer, IssueEnvelope, SessionAnswer } from './wire.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface IssueOptions extends CallOptions {
  /**
   * Joins an equal call that is under way instead of sending another. Only for tokens bound to the company's account:
   * one bound to a user is fresh on every ask. Default: false.
   */
  readonly shared?: boolean | undefined;
}

/** What the vendor's body takes, as its page in the documentation lists it. */
export type IssueParameters = Readonly<Record<string, unknown>>;

/** A client of one broker. Every function rejects with a {@link ValetError}, and none keeps a token. */
export interface ValetClient {
  /** Asks the broker for a vendor's token: `POST /v1/vendors/{vendor}/token`. */
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
   * Calls a vendor through the broker, which adds the vendor's credentials. It answers what the vendor said, whatever
   * its status, and rejects where the broker itself refused or failed.
   *
   * `path` starts with one `/` and stays below the vendor. An `authorization` header of yours is replaced.
   */
  fetch(vendor: string, path: string, init?: RequestInit): Promise<Response>;

  /** Who the caller is and what they may do at which vendor: `GET /v1/session`. */
  session(options?: CallOptions): Promise<SessionAnswer>;

  /** Call it when the user signs out or changes: calls under way end with `aborted` and deliver nothing any more. */
  signOut(): void;

  /** The broker's clock less this device's, in milliseconds, as the last answer showed it. */
  readonly serverTimeOffsetMs: number | undefined;
}

/**
 * Makes a client of the broker at `brokerUrl` for the user that `getAppToken` speaks of.
 *
 * On the broker's `invalid_token` it asks `getAppToken` once for a new token and repeats the call once. It repeats
 * nothing else: the broker already retries vendors within a budget, and a second layer would multiply an outage.
 * Errors say `retryable` and `retryAfterSeconds`.
 *
 * Throws a `TypeError` that names the option that is wrong.
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
  const { brokerUrl, getAppToken, fetch, clock, timeoutMs, onEvent } = checkOptions(options);
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
    const tell = (outcome: ValetEvent['outcome'], requestId?: string) => {
      try {
        onEvent({ ...call, outcome, durationMs: clock.nowMs() - startedAtMs, requestId });
      } catch {
        // Metrics never fail a call.
      }
    };
    try {
      const result = await run();
      tell('ok');
      return result;
    } catch (error) {
      const known = ValetError.isInstance(error) ? error : undefined;
      tell(known?.code ?? 'internal', known?.requestId);
      throw error;
    }
  }

  /** One refresh for all calls that were refused at the same time. */
  function refreshAppToken(): Promise<string> {
    return sharedCalls.join('app token', () =>
      settle(undefined, async ({ signal }) => {
        const token = await askAppToken(getAppToken, { forceRefresh: true, signal });
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
      throw new ValetError('network_unavailable', 'The broker could not be reached.', { vendor });
    }
    const error = await brokerError(response, vendor);
    if (error !== undefined) throw error;
    return { response, midwayMs: (sentAtMs + clock.nowMs()) / 2 };
  }

  async function sendAsUser(url: string, init: RequestInit, { signal }: AbortController, vendor?: string) {
    const sendWith = (token: string) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      return send(url, { ...init, headers, signal }, vendor);
    };
    const askToken = () => askAppToken(getAppToken, { forceRefresh: false, signal });
    const refreshCountBefore = refreshCount;
    const token = await askToken();
    try {
      return await sendWith(token);
    } catch (error) {
      const refused = ValetError.isInstance(error) && error.code === 'invalid_token';
      if (!refused || !isResendable(init.body)) throw error;
      // Another call may have refreshed since: its token is the fresh one.
      const freshToken = await (refreshCount === refreshCountBefore ? refreshAppToken() : askToken());
      if (freshToken === token) throw error;
      return sendWith(freshToken);
    }
  }

  function learnServerTime(serverTime: string, midwayMs: number): void {
    serverTimeOffsetMs = Math.round(Date.parse(serverTime) - midwayMs);
  }

  function issue(vendor: string, parameters?: IssueParameters, { signal, shared = false }: IssueOptions = {}) {
    const ask = (signal?: AbortSignal) =>
      settle(signal, async (controller) => {
        const init = { method: 'POST', ...jsonBody(parameters) };
        const url = `${vendorUrl(brokerUrl, vendor)}/token`;
        const { response, midwayMs } = await sendAsUser(url, init, controller, vendor);
        const answer = await readIssueAnswer(response, vendor);
        learnServerTime(answer.server_time, midwayMs);
        return answer;
      });
    return observe<IssueEnvelope>({ operation: 'issue', vendor }, () => {
      if (!shared) return ask(signal);
      const key = JSON.stringify([vendor, parameters]);
      return settle(signal, () => sharedCalls.join(key, ask));
    });
  }

  return Object.freeze<ValetClient>({
    // The broker answers each vendor's own fields; vendor functions check those that they read.
    issue: issue as ValetClient['issue'],

    fetch: (vendor, path, init = {}) =>
      observe({ operation: 'proxy', vendor }, () =>
        settle(init.signal, async (controller) => {
          const { response } = await sendAsUser(proxyUrl(brokerUrl, vendor, path), init, controller, vendor);
          // The body may still be arriving when this call has settled.
          init.signal?.addEventListener('abort', () => controller.abort(), { once: true });
          return response;
        }),
      ),

    session: ({ signal } = {}) =>
      observe({ operation: 'session' }, () =>
        settle(signal, async (controller) => {
          const { response, midwayMs } = await sendAsUser(`${brokerUrl}/v1/session`, {}, controller);
          const answer = await readSessionAnswer(response);
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

/** A stream is spent by the first sending. */
function isResendable(body: RequestInit['body']): boolean {
  return typeof body !== 'object' || body === null || !('getReader' in body || Symbol.asyncIterator in body);
}
