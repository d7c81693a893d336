import { AuthorizationResponseError, validateAuthResponse, type AuthorizationServer } from 'oauth4webapi';
import { neverEnding } from '../client-inside.ts';
import { settleWithin } from '../deadline.ts';
import { alreadySignedInError, isCode } from '../session/session-errors.ts';
import type { Session } from '../session/session-types.ts';
import type { AuthorizationDependencies } from './authorization-request.ts';
import { loginError } from './login-errors.ts';
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
  const { clock, timeoutMs, clientId, redirectUri, provider, pending, session } = dependencies;
  const deadline = { clock, timeoutMs, ending: neverEnding, what: 'The sign-in' };
  const { ticket, state } = await settleWithin(deadline, async () => {
    const { status } = await session.load();
    if (status === 'signed_in') throw alreadySignedInError();
    const url = parseCallback(callbackUrl, redirectUri);
    const [id = '', ...others] = url.searchParams.getAll('state');
    if (others.length > 0 || !(await pending.has(id))) throw unknownCallback();
    const server = await provider.metadata();
    const request = await pending.take(id);
    if (request === undefined) throw unknownCallback();
    const { verifier, nonce } = request;
    const parameters = checkResponse(server, clientId, url, id);
    return { ticket: { parameters, verifier, nonce }, state: request.state };
  });
  try {
    await session.signIn(ticket);
  } catch (error) {
    if (!isCode(error, 'signed_out')) throw error;
    throw loginError('callback_refused', 'The provider no longer accepts the code of the callback.');
  }
  return { state, user: userOf(session.state.details) };
}

function unknownCallback() {
  const message = 'The callback does not belong to a sign-in that began here, was used before, or comes too late.';
  return loginError('callback_refused', message);
}

/** Returns a callback below the redirect URI. A page of another address cannot pass its own parameters on. */
function parseCallback(callbackUrl: unknown, redirectUri: string): URL {
  const url = parseUrl(callbackUrl);
  if (url !== undefined && placeOf(url) === placeOf(new URL(redirectUri))) return url;
  throw loginError('callback_refused', 'The callback is not at the `redirectUri` of this login.');
}

function placeOf({ protocol, username, password, host, pathname }: URL): string {
  return JSON.stringify([protocol, username, password, host, pathname]);
}

/** Checks the issuer (RFC 9207) and the `state` of a callback, and that it has one code and no error. */
function checkResponse(server: AuthorizationServer, clientId: string, url: URL, state: string): URLSearchParams {
  let parameters: URLSearchParams;
  try {
    parameters = validateAuthResponse(server, { client_id: clientId }, url, state);
  } catch (error) {
    if (error instanceof AuthorizationResponseError) throw refusalOf(error.error);
    throw loginError('callback_refused', 'The callback is not one of this provider.');
  }
  if (parameters.getAll('code').filter(Boolean).length === 1) return parameters;
  throw loginError('callback_refused', 'The callback has no code, or more than one.');
}

/** The errors of a request with `prompt: 'none'` (OpenID Connect Core section 3.1.2.6). */
const pageRequired = new Set([
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
]);

function refusalOf(error: string) {
  if (error === 'access_denied') return loginError('access_denied', 'The user or the provider refused the sign-in.');
  if (pageRequired.has(error)) return loginError('login_required', 'The provider must show the user a page.');
  if (error === 'server_error' || error === 'temporarily_unavailable') {
    return loginError('identity_unavailable', 'The identity provider cannot sign users in now.');
  }
  return loginError('configuration_invalid', 'The identity provider refused the request for a sign-in.');
}
