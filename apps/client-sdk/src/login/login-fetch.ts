import { isStream, parseHeaders } from '../checks/arguments.ts';
import { abortedError, type Ending } from '../calls/deadline.ts';
import type { AccessTokenOptions } from '../session/session-types.ts';
import { ValetError } from '../errors/valet-error.ts';
import { loginError } from './login-errors.ts';
import type { ParsedLoginOptions } from './login-options.ts';
import { isFromElsewhere } from './provider-calls.ts';
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
    const response = await send(dependencies, call, { token, own });
    if (response.status !== 401 || token === null || refusedAnyway.get(url.origin) === token) return response;
    const fresh = await tokenOf({ signal, refused: token }).catch(() => null);
    if (fresh === null || fresh === token || !isRepeatable || own.ended || signal?.aborted) return response;
    response.body?.cancel().catch(() => undefined);
    const second = await send(dependencies, call, { token: fresh, own });
    if (second.status === 401) refusedAnyway.set(url.origin, fresh);
    return second;
  };
}

function parseCall(
  { allowedOrigins }: LoginFetchDependencies,
  input: string | URL | Request,
  value: RequestInit | undefined,
): Call {
  const request = typeof Request === 'function' && input instanceof Request ? input : undefined;
  const { location } = globalThis as { location?: { readonly href: string } };
  const url = parseUrl(request?.url ?? input, location?.href);
  // The origin of a `blob:` URL is that of the page which made it.
  if (url === undefined || !isSecure(url) || !allowedOrigins.has(url.origin)) {
    throw loginError('invalid_request', 'The URL is not at one of the `allowedOrigins` of this login.');
  }
  const init = value ?? {};
  const method = init.method ?? request?.method ?? 'GET';
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

async function send({ fetch }: LoginFetchDependencies, call: Call, { token, own }: Sender): Promise<Response> {
  const { url, input, init, signal } = call;
  if (own.ended || signal?.aborted) throw abortedError();
  const headers = new Headers(call.headers);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  const controller = new AbortController();
  const abort = () => controller.abort();
  const stopListening = own.onEnd(abort);
  // The signal also ends the body, which may still arrive after this function has resolved.
  signal?.addEventListener('abort', abort);
  const { credentials = 'omit' } = init;
  const duplex = isStream(init.body) ? ({ duplex: 'half' } as const) : {};
  const sent: RequestInit = { ...init, ...duplex, headers, credentials, redirect: 'manual', signal: controller.signal };
  try {
    const response = await (input === undefined ? fetch(url.href, sent) : fetch(new Request(input, sent)));
    if (controller.signal.aborted) throw abortedError();
    // A redirect would carry the token to a place that nothing has checked.
    if (!isFromElsewhere(url, response)) return response;
    const remediation = 'Call the URL to which the server redirects.';
    throw loginError('response_invalid', 'The server responded with a redirect.', { remediation });
  } catch (error) {
    if (controller.signal.aborted) throw abortedError();
    if (ValetError.isInstance(error)) throw error;
    throw loginError('network_unavailable', 'The server is unreachable.', { cause: error });
  } finally {
    stopListening();
  }
}
