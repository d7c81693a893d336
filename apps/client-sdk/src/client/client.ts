import type { GetAppToken } from './app-token.ts';
import { parseCallOptions, parseInit } from '../checks/arguments.ts';
import { parseSessionResponse } from './broker-response.ts';
import { proxyUrl } from '../http/broker-url.ts';
import type { CallOptions, IssueOptions, IssueParameters, TokenOptions } from './call-options.ts';
import { createAuthorization, type Authorization } from './dpop.ts';
import { insideOf, type ClientInside } from '../calls/client-inside.ts';
import { createIssueCalls, createOnTokenChange, type CallsDependencies } from './issue-calls.ts';
import { observe } from './observe.ts';
import { createOptionCheck } from '../checks/option-check.ts';
import { parseOptions, type ParsedOptions, type ValetClientOptions } from './options.ts';
import type { ConnectionName, DescribedConnection, ResponseOf, SessionResponse } from './register.ts';
import { guardBody } from '../http/response-body.ts';
import { createServerTime, type ServerTime } from './server-time.ts';
import type { TokenListener } from './token-listeners.ts';
import { createUserCalls } from './user-calls.ts';
import { createUserSession } from './user-session.ts';
import type { IssueResponse } from './wire.ts';

/**
 * A client of one broker. Each function rejects with a {@link ValetError} if it fails. If the app has declared its connections
 * in {@link Register}, no other name compiles.
 */
export interface ValetClient {
  /** Requests a vendor's token from the broker: `POST /v1/vendors/{connection}/token`. */
  issue<Name extends DescribedConnection>(
    connection: Name,
    parameters?: IssueParameters,
    options?: IssueOptions,
  ): Promise<IssueResponse<ResponseOf<Name>>>;
  issue<Fields extends object = Record<string, unknown>>(
    connection: ConnectionName,
    parameters?: IssueParameters,
    options?: IssueOptions,
  ): Promise<IssueResponse<Fields>>;

  /**
   * Resolves with a vendor's token that is kept in memory: equal calls of one user share it until its `refresh_after`. A
   * token without `refresh_after`, such as Vital's, which works once, is requested anew by each call. `signOut` drops the
   * tokens. No function writes one to a storage.
   *
   * Use it for a token that your own code sends to the vendor. A vendor's SDK keeps its tokens itself.
   */
  token<Name extends DescribedConnection>(
    connection: Name,
    parameters?: IssueParameters,
    options?: TokenOptions,
  ): Promise<IssueResponse<ResponseOf<Name>>>;
  token<Fields extends object = Record<string, unknown>>(
    connection: ConnectionName,
    parameters?: IssueParameters,
    options?: TokenOptions,
  ): Promise<IssueResponse<Fields>>;

  /**
   * Calls `listener` when the token that `token` keeps for this connection and these parameters was renewed, and when `signOut`
   * dropped it. Returns a function that ends this. The listener belongs to the user of the client: it receives nothing after
   * `signOut`. An error that it throws is ignored.
   *
   * Throws a `TypeError` if `listener` is not a function, and `invalid_request` for parameters that JSON cannot contain.
   *
   * @example
   * ```ts
   * const stop = valet.onTokenChange('nudge', undefined, ({ reason }) => {
   *   if (reason === 'renewed') reconnect();
   * });
   * ```
   */
  onTokenChange(
    connection: ConnectionName,
    parameters: IssueParameters | undefined,
    listener: TokenListener,
  ): () => void;

  /**
   * Calls a vendor through the broker, which adds the vendor's credentials. Resolves with the vendor's response, even
   * if its status is an error. Rejects if the broker itself refused the call or failed.
   *
   * `path` begins with one `/` and cannot leave the proxy of the vendor. It may also be an absolute link from a response
   * of the vendor, such as `@odata.nextLink`; the broker refuses a link to any other server. The client replaces the `authorization` header
   * of `init`.
   */
  fetch(connection: ConnectionName, path: string, init?: RequestInit): Promise<Response>;

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
  const serverTime = createServerTime(parsed.clock);
  return createClientOfUser(parsed, { serverTime, authorization: createAuthorization(parsed.dpop, serverTime) });
}

/** What the clients of one broker know about it, whatever their user. */
interface KnownBroker {
  readonly serverTime: ServerTime;
  readonly authorization: Authorization;
}

function createClientOfUser(options: ParsedOptions, known: KnownBroker): ValetClient {
  const { serverTime } = known;
  let session = createUserSession(options);
  const sendAsUser = createUserCalls({ ...options, ...known });
  const dependencies = { ...options, serverTime, sendAsUser, currentSession: () => session };
  const { issue, token } = createIssueCalls(dependencies);
  const inside: ClientInside = { clock: options.clock, timeoutMs: options.timeoutMs, currentSession: () => session };

  const client: ValetClient = {
    ...createCalls(dependencies),
    // The client does not check the vendor's own fields. The function of each vendor checks the fields that it reads.
    issue: issue as ValetClient['issue'],
    token: token as ValetClient['token'],
    onTokenChange: createOnTokenChange(dependencies),
    signOut: () => {
      const ending = session;
      session = createUserSession(options);
      ending.end();
    },
    forUser: (getAppToken) => {
      createOptionCheck('forUser')(typeof getAppToken === 'function', 'getAppToken', 'must be a function');
      return createClientOfUser({ ...options, getAppToken }, known);
    },
    get serverTimeOffsetMs() {
      return serverTime.offsetMs();
    },
  };
  return Object.freeze(Object.defineProperty(client, insideOf, { value: inside }));
}

/** Creates the functions of a client that call a vendor or describe the session. */
function createCalls(dependencies: CallsDependencies) {
  const { brokerUrl, serverTime, sendAsUser, currentSession } = dependencies;

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
      return session.settle(signal, async (controller) => {
        const request = { session, url: `${brokerUrl}/v1/session`, init: {}, signal: controller.signal };
        const { response, elapsedMs } = await sendAsUser(request);
        const body = await parseSessionResponse(response);
        serverTime.measure(body.server_time, elapsedMs);
        return body;
      });
    });
  }

  return { fetch: fetchFromVendor, session: fetchSession };
}
