import { bearerToken, jsonResponse, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { invalidSession, missingScope } from './authgear-errors.ts';
import type { AuthgearSession, AuthgearSessions } from './authgear-sessions.ts';
import { shownUser, userClaims, type AuthgearUser } from './authgear-users.ts';

/** Simulates the endpoints that describe the session of an access token: userinfo and the resolver. */
export function createAuthgearSessionRoutes(sessions: AuthgearSessions, disabled: ReadonlySet<string>) {
  async function findSession(call: Call): Promise<AuthgearSession | undefined> {
    const accessToken = bearerToken(call);
    return accessToken === undefined ? undefined : sessions.findByAccessToken(accessToken);
  }

  async function userInfo(call: Call): Promise<SimulatedResponse> {
    const session = await findSession(call);
    if (session === undefined || disabled.has(session.user.sub)) return invalidSession;
    if (!session.scope.split(' ').includes('openid')) return missingScope;
    const user = shownUser(session.user, call);
    const email = user.email === undefined ? {} : { email: user.email, email_verified: true };
    return jsonResponse(200, { ...userClaims(user), ...email });
  }

  /**
   * Responds without headers if there is no session, also for an invalid token. Responds `false` for a disabled user, and
   * for a session cookie, because the login page, which would set a valid cookie, is not simulated.
   */
  async function resolve(call: Call): Promise<SimulatedResponse> {
    const session = await findSession(call);
    const invalid = session === undefined ? hasSessionCookie(call) : disabled.has(session.user.sub);
    if (invalid) return { status: 200, headers: { 'x-authgear-session-valid': 'false' } };
    if (session === undefined) return { status: 200 };
    return { status: 200, headers: resolverHeaders(shownUser(session.user, call), session.authenticatedAt) };
  }

  return { userInfo, resolve };
}

/** Returns whether the request has a session cookie. A project may configure a prefix for the cookie's name. */
function hasSessionCookie(call: Call): boolean {
  return /(^|[;_\s])session=/.test(call.headers.cookie ?? '');
}

function resolverHeaders(user: AuthgearUser, authenticatedAt: number): Readonly<Record<string, string>> {
  return {
    'x-authgear-session-valid': 'true',
    'x-authgear-user-id': user.sub,
    'x-authgear-user-anonymous': String(user.isAnonymous),
    'x-authgear-user-verified': String(user.isVerified),
    'x-authgear-user-can-reauthenticate': String(user.canReauthenticate),
    ...(user.roles.length > 0 && { 'x-authgear-user-roles': user.roles.join(',') }),
    'x-authgear-session-amr': 'pwd',
    'x-authgear-session-authenticated-at': String(authenticatedAt),
  };
}
