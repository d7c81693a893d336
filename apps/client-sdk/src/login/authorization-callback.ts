import type { AuthorizationServer } from 'oauth4webapi';
import { neverEnding } from '../calls/client-inside.ts';
import { settleWithin } from '../calls/deadline.ts';
import { alreadySignedInError, isCode } from '../session/session-errors.ts';
import type { Session } from '../session/session-types.ts';
import type { AuthorizationDependencies } from './authorization-request.ts';
import { loginError, providerError } from './login-errors.ts';
import type { AuthorizeResult } from './login-types.ts';
import type { LoginTicket } from './provider.ts';
import { parseUrl } from './secure-url.ts';
import { userOf } from './login-state.ts';

export interface CallbackDependencies extends AuthorizationDependencies {
  readonly session: Session<LoginTicket>;
}

/** Checks a callback, redeems its code once, and begins the session. */
export async function finishAuthorization(
  dependencies: CallbackDependencies,
  callbackUrl: string | URL,
): Promise<AuthorizeResult> {
  const { clock, timeoutMs, redirectUri, provider, pending, session } = dependencies;
  const deadline = { clock, timeoutMs, ending: neverEnding, what: 'The sign-in' };
  const request = await settleWithin(deadline, async () => {
    const { status } = await session.load();
    if (status === 'signed_in') throw alreadySignedInError();
    const url = parseCallback(callbackUrl, redirectUri);
    const id = single(url.searchParams, 'state') ?? '';
    if (!(await pending.has(id))) throw refusedCallback();
    const server = await provider.metadata();
    const taken = await pending.take(id);
    if (taken === undefined) throw refusedCallback();
    return { ...taken, code: codeOf(server, url) };
  });
  try {
    await session.signIn(request);
  } catch (error) {
    // The provider no longer accepts the code.
    throw isCode(error, 'signed_out') ? refusedCallback() : error;
  }
  return { state: request.state, user: userOf(session.state.details) };
}

function refusedCallback() {
  return loginError('callback_refused', 'The callback is not that of a sign-in which began here and has not ended.');
}

/** Returns a callback at the redirect URI. A page of another address cannot pass its own parameters on. */
function parseCallback(callbackUrl: unknown, redirectUri: string): URL {
  const url = parseUrl(callbackUrl);
  const placeOf = ({ href }: URL) => href.split(/[?#]/, 1)[0];
  if (url === undefined || placeOf(url) !== placeOf(new URL(redirectUri))) throw refusedCallback();
  return url;
}

/** Returns the code of a callback, after a check of its issuer (RFC 9207, against mix-up) and of its error. */
function codeOf(server: AuthorizationServer, { searchParams }: URL): string {
  const issuer = single(searchParams, 'iss');
  const isExpected =
    issuer === undefined ? !server.authorization_response_iss_parameter_supported : issuer === server.issuer;
  if (!isExpected) throw refusedCallback();
  const error = single(searchParams, 'error');
  if (error !== undefined) throw providerError(error, 'callback_refused');
  const code = single(searchParams, 'code');
  if (code === undefined) throw refusedCallback();
  return code;
}

/** Returns a parameter, which a request must not contain twice (RFC 6749 section 3.1). */
function single(parameters: URLSearchParams, name: string): string | undefined {
  const [value, ...others] = parameters.getAll(name);
  if (others.length > 0) throw refusedCallback();
  return value || undefined;
}
