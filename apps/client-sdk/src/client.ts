import { requestAppToken, type GetAppToken } from './app-token.ts';
import { jsonBody, parseCallOptions, parseInit, stringify } from './arguments.ts';
import { parseIssueResponse, parseSessionResponse } from './broker-response.ts';
import { proxyUrl, vendorUrl } from './broker-url.ts';
import { insideOf, type ClientInside } from './client-inside.ts';
import { observe } from './observe.ts';
import { checkGetAppToken, parseOptions, type ParsedOptions, type ValetClientOptions } from './options.ts';
import { guardBody } from './response-body.ts';
import { createServerTime, type ServerTime } from './server-time.ts';
import { createUserCalls, type TimedResponse, type SendAsUser } from './user-calls.ts';
import { createUserSession, type UserSession } from './user-session.ts';
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

  /**
   * Call this when the user signs out or another user signs in. Calls under way reject with `aborted`, and so does the
   * reading of a body that `fetch` has resolved with.
   */
  signOut(): void;

  /**
   * Creates a client of the same broker for another user. Use it on a server, once for each request: calls of one client
   * never share a token or a sign-out with calls of another one. Throws a `TypeError` if `getAppToken` is not a function.
   *
   * @example
   * ```ts
   * const response = await valet.forUser(() => tokenOf(request)).fetch('nymbl', '/Patients');
   * ```
   */
  forUser(getAppToken: GetAppToken): ValetClient;

  /**
   * The broker's clock minus this device's clock in milliseconds, measured with the last response of `issue` or
   * `session`. Undefined before it.
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
  return createClientOfUser(parsed, createServerTime(parsed.clock));
}

function createClientOfUser(options: ParsedOptions, serverTime: ServerTime): ValetClient {
  let session = createUserSession(options);
  const sendAsUser = createUserCalls({ ...options, serverTime });
  const calls = createCalls({ ...options, serverTime, sendAsUser, currentSession: () => session });
  const inside: ClientInside = { clock: options.clock, timeoutMs: options.timeoutMs, currentSession: () => session };

  const client: ValetClient = {
    ...calls,
    // The client does not check the vendor's own fields. The function of each vendor checks the fields that it reads.
    issue: calls.issue as ValetClient['issue'],
    signOut: () => {
      const ending = session;
      session = createUserSession(options);
      ending.end();
    },
    forUser: (getAppToken) => {
      checkGetAppToken(getAppToken, 'forUser');
      return createClientOfUser({ ...options, getAppToken }, serverTime);
    },
    get serverTimeOffsetMs() {
      return serverTime.offsetMs();
    },
  };
  return Object.freeze(Object.defineProperty(client, insideOf, { value: inside }));
}

interface CallsDependencies extends ParsedOptions {
  readonly serverTime: ServerTime;
  readonly sendAsUser: SendAsUser;
  readonly currentSession: () => UserSession;
}

/** Creates the functions of a client that send requests. */
function createCalls(dependencies: CallsDependencies) {
  const { brokerUrl, serverTime, sendAsUser, currentSession } = dependencies;

  async function read<Body extends { server_time: string }>(
    { response, elapsedMs }: TimedResponse,
    parse: (response: Response) => Promise<Body>,
  ): Promise<Body> {
    const body = await parse(response);
    serverTime.measure(body.server_time, elapsedMs);
    return body;
  }

  function issue(vendor: string, parameters?: IssueParameters, options?: IssueOptions) {
    const session = currentSession();
    const issueOnce = (signal?: AbortSignal, token?: string) =>
      session.settle(signal, async (controller) => {
        const init = { method: 'POST', ...jsonBody(parameters, vendor) };
        const url = `${vendorUrl(brokerUrl, vendor)}/token`;
        return read(await sendAsUser({ session, url, init, signal: controller.signal, vendor, token }), (response) =>
          parseIssueResponse(response, vendor),
        );
      });
    return observe<IssueEnvelope>(dependencies, { operation: 'issue', vendor }, session, async () => {
      const { signal, shared = false } = parseCallOptions<IssueOptions>(options, ['signal', 'shared']);
      if (!shared) return issueOnce(signal);
      return session.settle(signal, async (controller) => {
        // Only calls with the same app token share a request: `getAppToken` may serve several users.
        const token = await requestAppToken(session.getAppToken, { forceRefresh: false, signal: controller.signal });
        const key = stringify([token, vendor, parameters], vendor);
        return session.sharedCalls.join(key, () => issueOnce(undefined, token));
      });
    });
  }

  function fetchFromVendor(vendor: string, path: string, init?: RequestInit): Promise<Response> {
    const session = currentSession();
    return observe(dependencies, { operation: 'proxy', vendor }, session, async () => {
      const parsed = parseInit(init, vendor);
      return session.settle(parsed.signal, async (controller) => {
        const url = proxyUrl(brokerUrl, vendor, path);
        const { response } = await sendAsUser({ session, url, init: parsed, signal: controller.signal, vendor });
        return guardBody(response, { session, controller, signal: parsed.signal });
      });
    });
  }

  function fetchSession(options?: CallOptions): Promise<SessionResponse> {
    const session = currentSession();
    return observe(dependencies, { operation: 'session' }, session, async () => {
      const { signal } = parseCallOptions<CallOptions>(options, ['signal']);
      const url = `${brokerUrl}/v1/session`;
      return session.settle(signal, async (controller) =>
        read(await sendAsUser({ session, url, init: {}, signal: controller.signal }), parseSessionResponse),
      );
    });
  }

  return { issue, fetch: fetchFromVendor, session: fetchSession };
}
