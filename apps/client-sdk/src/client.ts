import { parseIssueAnswer, parseSessionAnswer } from './answer.ts';
import { proxyUrl, vendorUrl } from './broker-url.ts';
import { settleWithin } from './deadline.ts';
import { observe } from './observe.ts';
import { parseOptions, type ParsedOptions, type ValetClientOptions } from './options.ts';
import { createSharedCalls } from './shared-calls.ts';
import { createUserCalls, type BrokerResponse, type SendAsUser } from './user-calls.ts';
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
  const parsed = parseOptions(options);
  const { clock, timeoutMs } = parsed;
  const sharedCalls = createSharedCalls();
  let userSession = new AbortController();
  let serverTimeOffsetMs: number | undefined;

  const settle: Settle = (signal, task) =>
    settleWithin({ clock, timeoutMs, signals: [signal, userSession.signal] }, task);
  const sendAsUser = createUserCalls({
    ...parsed,
    shareRefresh: (refresh) => sharedCalls.join('app token', () => settle(undefined, ({ signal }) => refresh(signal))),
  });
  const calls = createCalls({
    ...parsed,
    sharedCalls,
    settle,
    sendAsUser,
    onServerTime: (offsetMs) => {
      serverTimeOffsetMs = offsetMs;
    },
  });

  return Object.freeze<ValetClient>({
    ...calls,
    // The response has the vendor's own fields; the function of each vendor checks those that it reads.
    issue: calls.issue as ValetClient['issue'],
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

/** Runs a task that always settles, and that the caller's signal, the sign-out or the timeout ends early. */
type Settle = <Result>(
  signal: AbortSignal | null | undefined,
  task: (controller: AbortController) => Promise<Result>,
) => Promise<Result>;

interface CallsDependencies extends ParsedOptions {
  readonly sharedCalls: ReturnType<typeof createSharedCalls>;
  readonly settle: Settle;
  readonly sendAsUser: SendAsUser;
  /** Receives the broker's clock minus this device's, in milliseconds, with each response that tells it. */
  readonly onServerTime: (offsetMs: number) => void;
}

/** Creates the calls of a client. */
function createCalls(dependencies: CallsDependencies) {
  const { brokerUrl, sharedCalls, settle, sendAsUser, onServerTime } = dependencies;

  async function read<Answer extends { server_time: string }>(
    { response, midwayMs }: BrokerResponse,
    parse: (response: Response) => Promise<Answer>,
  ): Promise<Answer> {
    const answer = await parse(response);
    onServerTime(Math.round(Date.parse(answer.server_time) - midwayMs));
    return answer;
  }

  function issue(vendor: string, parameters?: IssueParameters, { signal, shared = false }: IssueOptions = {}) {
    const issueOnce = (signal?: AbortSignal) =>
      settle(signal, async (controller) => {
        const init = { method: 'POST', ...jsonBody(parameters) };
        const url = `${vendorUrl(brokerUrl, vendor)}/token`;
        return read(await sendAsUser(url, init, controller, vendor), (response) => parseIssueAnswer(response, vendor));
      });
    return observe<IssueEnvelope>(dependencies, { operation: 'issue', vendor }, () => {
      if (!shared) return issueOnce(signal);
      const key = JSON.stringify([vendor, parameters]);
      return settle(signal, () => sharedCalls.join(key, issueOnce));
    });
  }

  function fetchFromVendor(vendor: string, path: string, init: RequestInit = {}): Promise<Response> {
    return observe(dependencies, { operation: 'proxy', vendor }, () =>
      settle(init.signal, async (controller) => {
        const { response } = await sendAsUser(proxyUrl(brokerUrl, vendor, path), init, controller, vendor);
        // The body may still arrive after this call has settled.
        init.signal?.addEventListener('abort', () => controller.abort(), { once: true });
        return response;
      }),
    );
  }

  function session({ signal }: CallOptions = {}): Promise<SessionAnswer> {
    return observe(dependencies, { operation: 'session' }, () =>
      settle(signal, async (controller) =>
        read(await sendAsUser(`${brokerUrl}/v1/session`, {}, controller), parseSessionAnswer),
      ),
    );
  }

  return { issue, fetch: fetchFromVendor, session };
}

function jsonBody(parameters?: IssueParameters): RequestInit {
  if (parameters === undefined || Object.keys(parameters).length === 0) return {};
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(parameters) };
}
