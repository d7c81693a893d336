import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { bearerToken, json, parseForm, parseJsonObject, type Answer, type Call } from './answer.ts';
import {
  createAuthgearSessions,
  userClaims,
  type AuthgearSession,
  type AuthgearSessionOptions,
  type AuthgearUser,
} from './authgear-sessions.ts';
import { sandboxCredentials } from './credentials.ts';
import { readDevBody } from './dev-body.ts';
import { createSigningKeys, type SigningKeys } from './keys.ts';
import { nowSeconds, type Simulation, type SimulationEnvironment } from './simulation.ts';

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

const defaultScope = 'openid offline_access https://authgear.com/scopes/full-userinfo';

const devUserSchema = z.strictObject({
  sub: z.string().min(1),
  client_id: z.string().default(sandboxCredentials.authgear.clientId),
  scope: z.string().default(defaultScope),
  is_anonymous: z.boolean().default(false),
  is_verified: z.boolean().default(true),
  can_reauthenticate: z.boolean().default(true),
  roles: z.array(z.string()).default([]),
  email: z.string().optional(),
});

const devCodeSchema = devUserSchema.extend({ redirect_uri: z.string().min(1), code_challenge: z.string().min(1) });

type DevUser = z.output<typeof devUserSchema>;

interface Code extends z.output<typeof devCodeSchema> {
  readonly endsAt: number;
}

const codeLifetimeSeconds = 300;

/** Simulates Authgear: token endpoint, userinfo, revocation, resolver. A dev route stands for its login page. */
export const createAuthgear = (
  environment: SimulationEnvironment,
  options: AuthgearOptions = {},
): { simulation: Simulation; state: AuthgearState; keys: SigningKeys } => {
  const { clock, origin } = environment;
  const clientIds = options.clientIds ?? [sandboxCredentials.authgear.clientId];
  const keys = createSigningKeys(clock, ['RS256']);
  const sessions = createAuthgearSessions(environment, keys, options);
  const codes = new Map<string, Code>();
  const disabled = new Set<string>();
  const endpoint = () => `${origin()}/authgear`;

  const discovery = () =>
    json(200, {
      issuer: endpoint(),
      authorization_endpoint: `${endpoint()}/oauth2/authorize`,
      token_endpoint: `${endpoint()}/oauth2/token`,
      userinfo_endpoint: `${endpoint()}/oauth2/userinfo`,
      revocation_endpoint: `${endpoint()}/oauth2/revoke`,
      end_session_endpoint: `${endpoint()}/oauth2/end_session`,
      jwks_uri: `${endpoint()}/oauth2/jwks`,
      scopes_supported: defaultScope.split(' '),
      response_types_supported: ['code', 'none'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
    });

  const issueTokens = async (session: AuthgearSession, call: Call, first: boolean) =>
    json(
      200,
      await sessions.issueTokens(session, { user: aboutWhom(session, call), first, flaw: call.tokenFlaw }),
      noStore,
    );

  const redeemCode = (form: URLSearchParams, clientId: string, call: Call) => {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    if (code === undefined || code.endsAt <= nowSeconds(clock)) return oauthError('invalid_grant', 'invalid code');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (code.client_id !== clientId) return oauthError('invalid_request', "client id doesn't match the code");
    if (code.redirect_uri !== form.get('redirect_uri')) return oauthError('invalid_request', 'invalid redirect URI');
    if (code.code_challenge !== challenge) return oauthError('invalid_grant', 'invalid code verifier');
    return issueTokens(sessions.start(toUser(code), clientId, code.scope), call, true);
  };

  const refresh = (form: URLSearchParams, clientId: string, call: Call) => {
    const session = sessions.findByRefreshToken(form.get('refresh_token') ?? '');
    if (session === undefined || disabled.has(session.user.sub)) {
      return oauthError('invalid_grant', 'invalid refresh token');
    }
    if (session.clientId !== clientId) {
      return oauthError('invalid_request', "client id doesn't match the refresh token");
    }
    return issueTokens(session, call, false);
  };

  const token = (call: Call) => {
    const form = parseForm(call);
    if (form === undefined) return oauthError('invalid_request', 'the body has to be a form');
    const clientId = form.get('client_id') ?? '';
    if (!clientIds.includes(clientId)) return oauthError('invalid_client', 'invalid client ID');
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return redeemCode(form, clientId, call);
      case 'refresh_token':
        return refresh(form, clientId, call);
      default:
        return oauthError('unsupported_grant_type', 'grant type is not supported');
    }
  };

  const userInfo = async (call: Call): Promise<Answer> => {
    const accessToken = bearerToken(call);
    const session = accessToken === undefined ? undefined : await sessions.findByAccessToken(accessToken);
    if (session === undefined || disabled.has(session.user.sub)) {
      return bearerError(401, 'invalid_grant', 'invalid session');
    }
    if (!session.scope.split(' ').includes('openid')) {
      return bearerError(403, 'insufficient_scope', 'required scope not granted');
    }
    const user = aboutWhom(session, call);
    return json(200, {
      ...userClaims(user),
      ...(user.email !== undefined && { email: user.email, email_verified: true }),
    });
  };

  const revoke = async (call: Call): Promise<Answer> => {
    const value = parseForm(call)?.get('token') ?? '';
    const byRefreshToken = sessions.findByRefreshToken(value);
    if (byRefreshToken !== undefined) sessions.end(byRefreshToken);
    const byAccessToken = await sessions.findByAccessToken(value);
    if (byAccessToken !== undefined) sessions.endAccessToken(byAccessToken);
    return { status: 200, headers: noStore };
  };

  const endSession = (call: Call): Answer => {
    const target = call.query.get('post_logout_redirect_uri');
    const loopback = target !== null && /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?(\/|$)/.test(target);
    return loopback ? { status: 302, headers: { location: target } } : { status: 200 };
  };

  const appSessionToken = (call: Call): Answer => {
    const refreshToken = parseJsonObject(call.body)?.['refresh_token'];
    const session = typeof refreshToken === 'string' ? sessions.findByRefreshToken(refreshToken) : undefined;
    if (session === undefined) {
      return json(403, {
        error: { name: 'Forbidden', reason: 'InvalidGrant', message: 'invalid refresh token', code: 403, info: {} },
      });
    }
    return json(200, { result: { app_session_token: `${session.id}.${randomBytes(24).toString('base64url')}` } });
  };

  const resolve = async (call: Call): Promise<Answer> => {
    const accessToken = bearerToken(call);
    const session = accessToken === undefined ? undefined : await sessions.findByAccessToken(accessToken);
    if (session === undefined) return { status: 200 };
    if (disabled.has(session.user.sub)) return { status: 200, headers: { 'x-authgear-session-valid': 'false' } };
    return { status: 200, headers: resolverHeaders(aboutWhom(session, call), session.authenticatedAt) };
  };

  const devSession = async (call: Call): Promise<Answer> => {
    const body = readDevBody(call, devUserSchema);
    if ('status' in body) return body;
    if (!clientIds.includes(body.value.client_id)) return oauthError('invalid_client', 'invalid client ID');
    return issueTokens(sessions.start(toUser(body.value), body.value.client_id, body.value.scope), call, true);
  };

  const devCode = (call: Call): Answer => {
    const body = readDevBody(call, devCodeSchema);
    if ('status' in body) return body;
    const code = randomBytes(24).toString('base64url');
    codes.set(code, { ...body.value, endsAt: nowSeconds(clock) + codeLifetimeSeconds });
    return json(200, { code, expires_in: codeLifetimeSeconds }, noStore);
  };

  return {
    keys,
    simulation: {
      vendor: 'authgear',
      failure: (status) =>
        status === 429
          ? oauthError('x_rate_limited', 'rate limited', 429)
          : oauthError(status >= 500 ? 'server_error' : 'invalid_request', 'internal server error', status),
      routes: {
        'GET /.well-known/openid-configuration': discovery,
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
        'POST /dev-session': devSession,
        'POST /dev-code': devCode,
      },
    },
    state: {
      revokeSessions: (sub) => sessions.endAll(sub),
      disableUser: (sub) => {
        disabled.add(sub);
      },
      enableUser: (sub) => {
        disabled.delete(sub);
      },
    },
  };
};

const noStore = { 'cache-control': 'no-store', pragma: 'no-cache' };

const oauthError = (error: string, description: string, status = 400): Answer =>
  json(status, { error, error_description: description }, noStore);

const bearerError = (status: number, error: string, description: string): Answer =>
  json(
    status,
    { error, error_description: description },
    { 'www-authenticate': `Bearer error="${error}", error_description="${description}"` },
  );

const toUser = (user: DevUser): AuthgearUser => ({
  sub: user.sub,
  isAnonymous: user.is_anonymous,
  isVerified: user.is_verified,
  canReauthenticate: user.can_reauthenticate,
  roles: user.roles,
  email: user.email,
});

const aboutWhom = (session: AuthgearSession, call: Call): AuthgearUser =>
  call.wrongUser ? { ...session.user, sub: 'wrong-user', email: undefined } : session.user;

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
