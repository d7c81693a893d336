import { isStream, parseHeaders, parseInit } from '../arguments.ts';
import { originOf } from '../broker-url.ts';
import { abortedError, type Ending } from '../deadline.ts';
import { guardBody, type BodyGuard } from '../response-body.ts';
import type { AccessTokenOptions } from '../session/session-types.ts';
import { ValetError } from '../valet-error.ts';
import { loginError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import { isSecure, parseUrl } from './secure-url.ts';

export interface LoginFetchDependencies extends Pick<ParsedLoginOptions, 'allowedOrigins' | 'fetch'> {
  /** Resolves with an access token, or with null if no user is signed in. `refused` is one that a server refused. */
  readonly tokenOf: (options: AccessTokenOptions) => Promise<string | null>;
  readonly ending: () => Ending;
}

/** A call of the app, after validation. */
interface Call {
  readonly url: URL;
  readonly input: Request | undefined;
  readonly init: RequestInit;
  readonly headers: Headers;
  readonly signal: AbortSignal | undefined;
  /** Whether the body can be sent a second time. */
  readonly isRepeatable: boolean;
}

/** Creates the function that sends requests of the app with the access token, to the allowed origins alone. */
export function createLoginFetch(dependencies: LoginFetchDependencies) {
  const { tokenOf, ending } = dependencies;
  /** By origin, the fresh token that a server refused nevertheless. Another refresh would not help. */
  const refusedAnyway = new Map<string, string>();

  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const call = parseCall(dependencies, input, init);
    const { url, signal, isRepeatable } = call;
    const before = ending();
    const token = await tokenOf({ signal });
    const own = token === null ? ending() : before;
    const first = await send(dependencies, call, { token, own });
    const { response } = first;
    if (response.status !== 401 || token === null || refusedAnyway.get(url.origin) === token) return guard(first);
    const fresh = await tokenOf({ signal, refused: token }).catch(() => null);
    // The refusal is no data of the user, so the app may read it although the session has ended.
    if (own.ended) return response;
    if (fresh === null || fresh === token || !isRepeatable || signal?.aborted) return guard(first);
    response.body?.cancel().catch(() => undefined);
    const second = await send(dependencies, call, { token: fresh, own });
    if (second.response.status === 401) refusedAnyway.set(url.origin, fresh);
    return guard(second);
  };
}

function parseCall(
  { allowedOrigins }: LoginFetchDependencies,
  input: string | URL | Request,
  value: RequestInit | undefined,
): Call {
  const request = typeof Request === 'function' && input instanceof Request ? input : undefined;
  const url = parseUrl(request?.url ?? input, globalThis.location?.href);
  // The origin of a `blob:` URL is that of the page which made it.
  if (url === undefined || !isSecure(url) || !allowedOrigins.has(url.origin)) {
    const remediation = 'Add the origin of the server to `allowedOrigins`, or use the `fetch` of the platform.';
    throw loginError('invalid_request', 'The URL is not at one of the `allowedOrigins` of this login.', {
      remediation,
    });
  }
  const method = value?.method ?? request?.method ?? 'GET';
  const init = parseInit({ ...value, method });
  const isOfRequest = init.body === undefined || init.body === null;
  return {
    url,
    input: request,
    init,
    headers: parseHeaders(init.headers ?? request?.headers),
    signal: init.signal ?? request?.signal ?? undefined,
    // The body of a `Request` is a stream, and React Native does not show whether there is one.
    isRepeatable: isOfRequest ? request === undefined || /^(?:get|head)$/i.test(method) : !isStream(init.body),
  };
}

interface Sender {
  readonly token: string | null;
  readonly own: Ending;
}

/** A response, and what can still end its body. */
interface Sent {
  readonly response: Response;
  readonly guardedBy: BodyGuard;
}

async function send({ fetch }: LoginFetchDependencies, call: Call, { token, own }: Sender): Promise<Sent> {
  const { url, input, init, signal } = call;
  if (own.ended || signal?.aborted) throw abortedError();
  const headers = new Headers(call.headers);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  const controller = new AbortController();
  const abort = () => controller.abort();
  const stopListening = own.onEnd(abort);
  signal?.addEventListener('abort', abort);
  const { credentials = 'omit' } = init;
  const sent: RequestInit = { ...init, headers, credentials, redirect: 'manual', signal: controller.signal };
  try {
    const response = await (input === undefined ? fetch(url.href, sent) : fetch(new Request(input, sent)));
    checkRedirect(url, response, init.redirect);
    if (!controller.signal.aborted) return { response, guardedBy: { session: own, controller, signal } };
  } catch (error) {
    if (ValetError.isInstance(error)) throw error;
    if (!controller.signal.aborted) throw loginError('network_unavailable', 'The server is unreachable.', unreachable);
  } finally {
    stopListening();
    signal?.removeEventListener('abort', abort);
  }
  throw abortedError();
}

const unreachable = {
  remediation:
    'Call again when the device is online. If it is online, check the URL and, in a browser, that the server allows the origin of this page.',
};

function guard({ response, guardedBy }: Sent): Response {
  return guardBody(response, guardedBy);
}

/** Refuses a redirect, which would carry the token to a place that nothing has checked. */
function checkRedirect(url: URL, response: Response, wanted: RequestInit['redirect']): void {
  const { type, status, redirected, url: from } = response;
  const isRedirect = type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status);
  if (isRedirect && wanted === 'manual') return;
  // React Native follows redirects although the request forbids them.
  if (!isRedirect && !redirected && (!from || originOf(from) === url.origin)) return;
  throw loginError('response_invalid', 'The server responded with a redirect, which `login.fetch` never follows.', {
    status,
    remediation: 'Call the URL to which the server redirects.',
  });
}
