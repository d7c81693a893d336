import { randomBytes } from 'node:crypto';
import {
  jsonResponse,
  noStore,
  oauthError,
  parseForm,
  parseJsonObject,
  type SimulatedResponse,
  type Call,
} from '../../engine/responses.ts';
import { appSessionRefusal, invalidClient, invalidRefreshToken } from './authgear-errors.ts';
import type { AuthgearLogin, createAuthgearLogin } from './authgear-login.ts';
import type { AuthgearSession, AuthgearSessions } from './authgear-sessions.ts';
import { shownUser } from './authgear-users.ts';

export interface AuthgearTokenRouteDependencies {
  readonly sessions: AuthgearSessions;
  readonly login: ReturnType<typeof createAuthgearLogin>;
  /** Users whose sessions are invalid. */
  readonly disabled: ReadonlySet<string>;
  readonly clientIds: readonly string[];
}

/** Simulates the endpoints that issue and revoke tokens. */
export function createAuthgearTokenRoutes({ sessions, login, disabled, clientIds }: AuthgearTokenRouteDependencies) {
  /** Returns the session whose tokens are issued. With `wrongUser`, that is a new session of a different user. */
  function shownSession(session: AuthgearSession, call: Call): AuthgearSession {
    return call.wrongUser ? sessions.start({ ...session, user: shownUser(session.user, call) }) : session;
  }

  async function issueTokens(session: AuthgearSession, call: Call, first: boolean): Promise<SimulatedResponse> {
    const tokens = await sessions.issueTokens(shownSession(session, call), { first, flaw: call.tokenFlaw });
    return jsonResponse(200, tokens, noStore);
  }

  function startSession(
    outcome: AuthgearLogin | SimulatedResponse,
    call: Call,
  ): SimulatedResponse | Promise<SimulatedResponse> {
    if ('status' in outcome) return outcome;
    return clientIds.includes(outcome.clientId) ? issueTokens(sessions.start(outcome), call, true) : invalidClient;
  }

  function refresh(form: URLSearchParams, call: Call): SimulatedResponse | Promise<SimulatedResponse> {
    const session = sessions.findByRefreshToken(form.get('refresh_token') ?? '');
    if (session === undefined || disabled.has(session.user.sub)) return invalidRefreshToken;
    if (session.clientId !== form.get('client_id')) {
      return oauthError('invalid_request', "client id doesn't match the refresh token");
    }
    return issueTokens(session, call, false);
  }

  function token(call: Call): SimulatedResponse | Promise<SimulatedResponse> {
    const form = parseForm(call);
    if (form === undefined) return oauthError('invalid_request', 'the body has to be a form');
    if (!clientIds.includes(form.get('client_id') ?? '')) return invalidClient;
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return startSession(login.redeemCode(form), call);
      case 'refresh_token':
        return refresh(form, call);
      default:
        return oauthError('unsupported_grant_type', 'grant type is not supported');
    }
  }

  async function revoke(call: Call): Promise<SimulatedResponse> {
    const value = parseForm(call)?.get('token') ?? '';
    const byRefreshToken = sessions.findByRefreshToken(value);
    if (byRefreshToken !== undefined) sessions.end(byRefreshToken);
    const byAccessToken = await sessions.findByAccessToken(value);
    if (byAccessToken !== undefined) sessions.endAccessToken(byAccessToken);
    return { status: 200, headers: noStore };
  }

  function appSessionToken(call: Call): SimulatedResponse {
    const refreshToken = parseJsonObject(call.body)?.['refresh_token'];
    const session = typeof refreshToken === 'string' ? sessions.findByRefreshToken(refreshToken) : undefined;
    if (session === undefined) return appSessionRefusal;
    const { id } = shownSession(session, call);
    return jsonResponse(200, { result: { app_session_token: `${id}.${randomBytes(24).toString('base64url')}` } });
  }

  return { token, revoke, appSessionToken, devSession: (call: Call) => startSession(login.logIn(call), call) };
}
