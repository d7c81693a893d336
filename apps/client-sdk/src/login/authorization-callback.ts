import type { AuthorizationServer } from 'oauth4webapi';
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
  const { clock, timeoutMs, redirectUri, provider, pending, session } = dependencies;
  const deadline = { clock, timeoutMs, ending: neverEnding, what: 'The sign-in' };
  const { ticket, state } = await settleWithin(deadline, async () => {
    const { status } = await session.load();
    if (status === 'signed_in') throw alreadySignedInError();
    const url = parseCallback(callbackUrl, redirectUri);
    const id = single(url.searchParams, 'state') ?? '';
    if (!(await pending.has(id))) throw refusedCallback();
    const server = await provider.metadata();
    const request = await pending.take(id);
    if (request === undefined) throw refusedCallback();
    const { verifier, nonce, state: ownState } = request;
    return { ticket: { code: codeOf(server, url), verifier, nonce }, state: ownState };
  });
  try {
    await session.signIn(ticket);
  } catch (error) {
    throw isCode(error, 'signed_out') ? refusedCallback() : error;
  }
  return { state, user: userOf(session.state.details) };
}

function refusedCallback() {
  const message =
    'The callback does not belong to a sign-in that began here, was used before, comes too late, or is not one of this provider.';
  return loginError('callback_refused', message);
}

/** Returns a callback at the redirect URI. A page of another address cannot pass its own parameters on. */
function parseCallback(callbackUrl: unknown, redirectUri: string): URL {
  const url = parseUrl(callbackUrl);
  if (url === undefined || placeOf(url) !== placeOf(new URL(redirectUri))) throw refusedCallback();
  return url;
}

function placeOf({ protocol, username, password, host, pathname }: URL): string {
  return JSON.stringify([protocol, username, password, host, pathname]);
}

/** Returns the code of a callback, after a check of its issuer (RFC 9207, against mix-up) and of its error. */
function codeOf(server: AuthorizationServer, { searchParams }: URL): string {
  const issuer = single(searchParams, 'iss');
  const isExpected =
    issuer === undefined ? !server.authorization_response_iss_parameter_supported : issuer === server.issuer;
  if (!isExpected) throw refusedCallback();
  const error = single(searchParams, 'error');
  if (error !== undefined) throw refusalOf(error);
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

function refusalOf(error: string) {
  const code = Object.hasOwn(refusals, error) ? refusals[error] : undefined;
  return loginError(code ?? 'configuration_invalid', 'The identity provider refused the sign-in.');
}

/** What the errors of a callback mean (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6). */
const refusals: Readonly<Record<string, Parameters<typeof loginError>[0]>> = {
  access_denied: 'access_denied',
  login_required: 'login_required',
  interaction_required: 'login_required',
  consent_required: 'login_required',
  account_selection_required: 'login_required',
  server_error: 'identity_unavailable',
  temporarily_unavailable: 'identity_unavailable',
};
