import { parseIssueResponse, parseSessionResponse } from './broker-response.ts';
import { proxyUrl, vendorUrl } from './broker-url.ts';
import { settleWithin } from './deadline.ts';
import { observe } from './observe.ts';
import { parseOptions, type ParsedOptions, type ValetClientOptions } from './options.ts';
import { createSharedCalls } from './shared-calls.ts';
import { createUserCalls, type TimedResponse, type SendAsUser } from './user-calls.ts';
import type { VendorResponses } from './vendors/responses.ts';
import type { IssueResponse, IssueEnvelope, SessionResponse } from './wire.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface IssueOptions extends CallOptions {
  /**
   * Joins an equal call that is under way instead of sending another request. Use it only for tokens that are bound to
   * the company's account: calls for a user-bound token must not share it. Default: false.
   */
  readonly shared?: boolean | undefined;
}

/** The parameters of a vendor. The vendor's page in the documentation lists them. */
export type IssueParameters = Readonly<Record<string, unknown>>;

/** A client of one broker. Each function rejects with a {@link ValetError} if it fails. No function stores a token. */
export interface ValetClient {
  /** Requests a vendor's token from the broker: `POST /v1/vendors/{vendor}/token`. */
  issue<Vendor extends keyof VendorResponses>(
    vendor: Vendor,
    parameters?: IssueParameters,
    options?: IssueOptions,
  ): Promise<IssueResponse<VendorResponses[Vendor]>>;
  issue<Fields extends object = Record<string, unknown>>(
    vendor: string,
    parameters?: IssueParameters,
    options?: IssueOptions,
  ): Promise<IssueResponse<Fields>>;

  /**
   * Calls a vendor through the broker, which adds the vendor's credentials. Resolves with the vendor's response, even
   * if its status is an error. Rejects if the broker itself refused the call or failed.
   *
   * `path` begins with one `/` and cannot leave the proxy of the vendor. It may also be an absolute link from a response
   * of the vendor, such as `@odata.nextLink`; the broker refuses a link to any other server. The client replaces the `authorization` header
   * of `init`.
   */
  fetch(vendor: string, path: string, init?: RequestInit): Promise<Response>;

  /** Resolves with the principal (issuer and subject) and the operations that it may use: `GET /v1/session`. */
  session(options?: CallOptions): Promise<SessionResponse>;

  /** Call this when the user signs out or another user signs in. Calls under way reject with `aborted`. */
  signOut(): void;

  /**
   * The broker's clock minus this device's clock in milliseconds, measured with the last response. Undefined before it.
   */
  readonly serverTimeOffsetMs: number | undefined;
}

/**
 * Creates a client of the broker at `brokerUrl` for the user whose token `getAppToken` returns.
 *
 * If the broker responds with `invalid_token`, the client requests a new token from `getAppToken` and repeats the call,
 * once. It does not repeat a call after any other error: the broker already retries calls to vendors, and retries on
 * each device would make an outage worse. Each error has `retryable`, and `retryAfterSeconds` if the broker sent it.
 *
 * Throws a `TypeError` that names an invalid option.
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
    shareRenewal: (renew) => sharedCalls.join('app token', () => settle(undefined, ({ signal }) => renew(signal))),
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
    // The client does not check the vendor's own fields. The function of each vendor checks the fields that it reads.
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

/** Runs a task and always settles. The caller's signal, `signOut` or the timeout end the task early. */
type Settle = <Result>(
  signal: AbortSignal | null | undefined,
  task: (controller: AbortController) => Promise<Result>,
) => Promise<Result>;

interface CallsDependencies extends ParsedOptions {
  readonly sharedCalls: ReturnType<typeof createSharedCalls>;
  readonly settle: Settle;
  readonly sendAsUser: SendAsUser;
  /**
   * Receives the broker's clock minus this device's clock in milliseconds, after each response that has `server_time`.
   */
  readonly onServerTime: (offsetMs: number) => void;
}

/** Creates the functions of a client that send requests. */
function createCalls(dependencies: CallsDependencies) {
  const { brokerUrl, sharedCalls, settle, sendAsUser, onServerTime } = dependencies;

  async function read<Body extends { server_time: string }>(
    { response, midwayMs }: TimedResponse,
    parse: (response: Response) => Promise<Body>,
  ): Promise<Body> {
    const body = await parse(response);
    onServerTime(Math.round(Date.parse(body.server_time) - midwayMs));
    return body;
  }

  function issue(vendor: string, parameters?: IssueParameters, { signal, shared = false }: IssueOptions = {}) {
    const issueOnce = (signal?: AbortSignal) =>
      settle(signal, async (controller) => {
        const init = { method: 'POST', ...jsonBody(parameters) };
        const url = `${vendorUrl(brokerUrl, vendor)}/token`;
        return read(await sendAsUser(url, init, controller, vendor), (response) =>
          parseIssueResponse(response, vendor),
        );
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
        // The body may still be arriving after this call has settled, so the signal must also end the body.
        init.signal?.addEventListener('abort', () => controller.abort(), { once: true });
        return response;
      }),
    );
  }

  function session({ signal }: CallOptions = {}): Promise<SessionResponse> {
    return observe(dependencies, { operation: 'session' }, () =>
      settle(signal, async (controller) =>
        read(await sendAsUser(`${brokerUrl}/v1/session`, {}, controller), parseSessionResponse),
      ),
    );
  }

  return { issue, fetch: fetchFromVendor, session };
}

function jsonBody(parameters?: IssueParameters): RequestInit {
  if (parameters === undefined || Object.keys(parameters).length === 0) return {};
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(parameters) };
}
