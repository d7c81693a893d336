import { randomBytes } from 'node:crypto';
import {
  bearerToken,
  json,
  noStore,
  oauthError,
  parseForm,
  parseJsonObject,
  type Answer,
  type Call,
} from './answer.ts';
import {
  appSessionRefusal,
  authgearFailure,
  invalidRefreshToken,
  invalidSession,
  missingScope,
} from './authgear-errors.ts';
import { authgearScope, createAuthgearLogin, type AuthgearLogin, type AuthgearUser } from './authgear-login.ts';
import {
  createAuthgearSessions,
  userClaims,
  type AuthgearSession,
  type AuthgearSessionOptions,
} from './authgear-sessions.ts';
import { sandboxCredentials } from './credentials.ts';
import { createSigningKeys, type SigningKeys } from './keys.ts';
import type { Simulation, SimulationEnvironment } from './simulation.ts';

/** How the simulated Authgear differs from its default. */
export interface AuthgearOptions extends AuthgearSessionOptions {
  /** The clients of the project. Default: the one of the sandbox credentials. */
  readonly clientIds?: readonly string[] | undefined;
}

/** What tests may do to the simulated Authgear. */
export interface AuthgearState {
  /** Ends the sessions of one user, or of all. */
  readonly revokeSessions: (sub?: string) => void;
  /** A disabled user's sessions are found, and called invalid. */
  readonly disableUser: (sub: string) => void;
  readonly enableUser: (sub: string) => void;
}

/** Simulates Authgear: token endpoint, userinfo, revocation, resolver. Its login page is a dev route. */
export const createAuthgear = (
  environment: SimulationEnvironment,
  options: AuthgearOptions = {},
): { simulation: Simulation; state: AuthgearState; keys: SigningKeys } => {
  const { clock, origin } = environment;
  const clientIds = options.clientIds ?? [sandboxCredentials.authgear.clientId];
  const keys = createSigningKeys(clock, ['RS256']);
  const sessions = createAuthgearSessions(environment, keys, options);
  const login = createAuthgearLogin(clock);
  const disabled = new Set<string>();

  /** A vendor that mixes people up hands out the session of somebody else, who has one too. */
  const whoseSession = (session: AuthgearSession, call: Call): AuthgearSession =>
    call.wrongUser ? sessions.start({ ...session, user: aboutWhom(session.user, call) }) : session;

  const answerTokens = async (session: AuthgearSession, call: Call, first: boolean): Promise<Answer> =>
    json(200, await sessions.issueTokens(whoseSession(session, call), { first, flaw: call.tokenFlaw }), noStore);

  const startSession = (outcome: AuthgearLogin | Answer, call: Call): Answer | Promise<Answer> => {
    if ('status' in outcome) return outcome;
    if (!clientIds.includes(outcome.clientId)) return oauthError('invalid_client', 'invalid client ID');
    return answerTokens(sessions.start(outcome), call, true);
  };

  const refresh = (form: URLSearchParams, call: Call): Answer | Promise<Answer> => {
    const session = sessions.findByRefreshToken(form.get('refresh_token') ?? '');
    if (session === undefined || disabled.has(session.user.sub)) {
      return invalidRefreshToken;
    }
    if (session.clientId !== form.get('client_id')) {
      return oauthError('invalid_request', "client id doesn't match the refresh token");
    }
    return answerTokens(session, call, false);
  };

  const token = (call: Call): Answer | Promise<Answer> => {
    const form = parseForm(call);
    if (form === undefined) return oauthError('invalid_request', 'the body has to be a form');
    if (!clientIds.includes(form.get('client_id') ?? '')) return oauthError('invalid_client', 'invalid client ID');
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return startSession(login.redeemCode(form), call);
      case 'refresh_token':
        return refresh(form, call);
      default:
        return oauthError('unsupported_grant_type', 'grant type is not supported');
    }
  };

  const findByBearer = async (call: Call): Promise<AuthgearSession | undefined> => {
    const accessToken = bearerToken(call);
    return accessToken === undefined ? undefined : sessions.findByAccessToken(accessToken);
  };

  const userInfo = async (call: Call): Promise<Answer> => {
    const session = await findByBearer(call);
    if (session === undefined || disabled.has(session.user.sub)) {
      return invalidSession;
    }
    if (!session.scope.split(' ').includes('openid')) {
      return missingScope;
    }
    const user = aboutWhom(session.user, call);
    const email = user.email === undefined ? {} : { email: user.email, email_verified: true };
    return json(200, { ...userClaims(user), ...email });
  };

  const revoke = async (call: Call): Promise<Answer> => {
    const value = parseForm(call)?.get('token') ?? '';
    const byRefreshToken = sessions.findByRefreshToken(value);
    if (byRefreshToken !== undefined) sessions.end(byRefreshToken);
    const byAccessToken = await sessions.findByAccessToken(value);
    if (byAccessToken !== undefined) sessions.endAccessToken(byAccessToken);
    return { status: 200, headers: noStore };
  };

  const appSessionToken = (call: Call): Answer => {
    const refreshToken = parseJsonObject(call.body)?.['refresh_token'];
    const session = typeof refreshToken === 'string' ? sessions.findByRefreshToken(refreshToken) : undefined;
    if (session === undefined) return appSessionRefusal;
    const { id } = whoseSession(session, call);
    return json(200, { result: { app_session_token: `${id}.${randomBytes(24).toString('base64url')}` } });
  };

  /**
   * No header says no session, also for a token that is not one; `false` is for users that were disabled, and for a
   * session cookie, of which none is good here: the login page that would set one is not simulated.
   */
  const resolve = async (call: Call): Promise<Answer> => {
    const session = await findByBearer(call);
    const invalid = session === undefined ? hasSessionCookie(call) : disabled.has(session.user.sub);
    if (invalid) return { status: 200, headers: { 'x-authgear-session-valid': 'false' } };
    if (session === undefined) return { status: 200 };
    return { status: 200, headers: resolverHeaders(aboutWhom(session.user, call), session.authenticatedAt) };
  };

  return {
    keys,
    simulation: {
      vendor: 'authgear',
      failure: authgearFailure,
      routes: {
        'GET /.well-known/openid-configuration': () => json(200, discover(`${origin()}/authgear`)),
        'GET /oauth2/jwks': async () => json(200, await keys.jwks()),
        'POST /oauth2/token': token,
        'GET /oauth2/userinfo': userInfo,
        'POST /oauth2/userinfo': userInfo,
        'POST /oauth2/revoke': revoke,
        'GET /oauth2/end_session': endSession,
        'POST /oauth2/app_session_token': appSessionToken,
        'GET /_resolver/resolve': resolve,
        'HEAD /_resolver/resolve': resolve,
        'GET /resolve': resolve,
        'HEAD /resolve': resolve,
        'POST /dev-session': (call) => startSession(login.logIn(call), call),
        'POST /dev-code': login.issueCode,
      },
    },
    state: {
      revokeSessions: sessions.endAll,
      disableUser: (sub) => {
        disabled.add(sub);
      },
      enableUser: (sub) => {
        disabled.delete(sub);
      },
    },
  };
};

const discover = (endpoint: string) => ({
  issuer: endpoint,
  authorization_endpoint: `${endpoint}/oauth2/authorize`,
  token_endpoint: `${endpoint}/oauth2/token`,
  userinfo_endpoint: `${endpoint}/oauth2/userinfo`,
  revocation_endpoint: `${endpoint}/oauth2/revoke`,
  end_session_endpoint: `${endpoint}/oauth2/end_session`,
  jwks_uri: `${endpoint}/oauth2/jwks`,
  scopes_supported: authgearScope.split(' '),
  response_types_supported: ['code', 'none'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: ['none'],
});

/** Only apps on this machine are sent back to; this is no open redirect. */
const endSession = (call: Call): Answer => {
  const target = call.query.get('post_logout_redirect_uri') ?? '';
  const isLocal = /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?(\/|$)/.test(target);
  return isLocal ? { status: 302, headers: { location: target } } : { status: 200 };
};

const aboutWhom = (user: AuthgearUser, call: Call): AuthgearUser =>
  call.wrongUser ? { ...user, sub: 'wrong-user', email: undefined } : user;

/** Authgear may put a prefix before the name of its cookie. */
const hasSessionCookie = (call: Call): boolean => /(^|[;_\s])session=/.test(call.headers.cookie ?? '');

const resolverHeaders = (user: AuthgearUser, authenticatedAt: number): Readonly<Record<string, string>> => ({
  'x-authgear-session-valid': 'true',
  'x-authgear-user-id': user.sub,
  'x-authgear-user-anonymous': String(user.isAnonymous),
  'x-authgear-user-verified': String(user.isVerified),
  'x-authgear-user-can-reauthenticate': String(user.canReauthenticate),
  ...(user.roles.length > 0 && { 'x-authgear-user-roles': user.roles.join(',') }),
  'x-authgear-session-amr': 'pwd',
  'x-authgear-session-authenticated-at': String(authenticatedAt),
});
