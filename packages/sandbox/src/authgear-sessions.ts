import { randomBytes, randomUUID } from 'node:crypto';
import type { TokenFlaw } from './answer.ts';
import type { SigningKeys } from './keys.ts';
import { nowSeconds, type SimulationEnvironment } from './simulation.ts';

/** A user of the simulated Authgear. Whoever signs in comes to be. */
export interface AuthgearUser {
  readonly sub: string;
  readonly isAnonymous: boolean;
  readonly isVerified: boolean;
  readonly canReauthenticate: boolean;
  readonly roles: readonly string[];
  readonly email?: string | undefined;
}

/** A signed-in app installation (an "offline grant"). */
export interface AuthgearSession {
  readonly id: string;
  readonly clientId: string;
  readonly user: AuthgearUser;
  readonly scope: string;
  readonly authenticatedAt: number;
  readonly endsAt: number;
  usedAt: number;
  refreshToken: string;
  /** The one access token that is valid, by its id; a refresh invalidates the one before. */
  accessId: string | undefined;
  accessEndsAt: number;
}

/** How sessions and their tokens are made. */
export interface AuthgearSessionOptions {
  /** `opaque` unless "Issue JWT as access token" is on. Default: `jwt`, as an app with its own backend needs it. */
  readonly accessTokens?: 'jwt' | 'opaque' | undefined;
  /** Whether a refresh answers a new refresh token and ends the old one. Default: false. */
  readonly rotateRefreshTokens?: boolean | undefined;
}

export const accessLifetimeSeconds = 1800;
const refreshLifetimeSeconds = 52 * 7 * 86_400;
const idleTimeoutSeconds = 30 * 86_400;

/** The claims by which Authgear describes a user. */
export const userClaims = (user: AuthgearUser) => ({
  sub: user.sub,
  'https://authgear.com/claims/user/is_anonymous': user.isAnonymous,
  'https://authgear.com/claims/user/is_verified': user.isVerified,
  'https://authgear.com/claims/user/can_reauthenticate': user.canReauthenticate,
});

export type AuthgearSessions = ReturnType<typeof createAuthgearSessions>;

export const createAuthgearSessions = (
  { clock, origin }: SimulationEnvironment,
  keys: SigningKeys,
  { accessTokens = 'jwt', rotateRefreshTokens = false }: AuthgearSessionOptions,
) => {
  const sessions = new Map<string, AuthgearSession>();
  const newRefreshToken = (id: string) => `${id}.${randomBytes(24).toString('base64url')}`;

  const isAlive = (session: AuthgearSession, now: number) =>
    now < session.endsAt && now < session.usedAt + idleTimeoutSeconds;

  const signAccessToken = (session: AuthgearSession, user: AuthgearUser, iat: number, flaw: TokenFlaw | undefined) =>
    keys.sign(
      {
        iss: `${origin()}/authgear`,
        aud: [origin()],
        iat,
        exp: iat + accessLifetimeSeconds,
        client_id: session.clientId,
        scope: session.scope,
        auth_time: session.authenticatedAt,
        amr: ['pwd'],
        ...(session.accessId !== undefined && { jti: session.accessId }),
        ...userClaims(user),
      },
      { typ: 'at+jwt', flaw },
    );

  const signIdToken = (session: AuthgearSession, user: AuthgearUser, iat: number, flaw: TokenFlaw | undefined) =>
    keys.sign(
      {
        iss: `${origin()}/authgear`,
        aud: [session.clientId],
        iat,
        exp: iat + accessLifetimeSeconds,
        auth_time: session.authenticatedAt,
        sid: Buffer.from(`offline_grant:${session.id}`).toString('base64url'),
        ...userClaims(user),
      },
      { flaw },
    );

  return {
    start: (user: AuthgearUser, clientId: string, scope: string): AuthgearSession => {
      const id = randomUUID();
      const now = nowSeconds(clock);
      const session: AuthgearSession = {
        id,
        clientId,
        user,
        scope,
        authenticatedAt: now,
        endsAt: now + refreshLifetimeSeconds,
        usedAt: now,
        refreshToken: newRefreshToken(id),
        accessId: undefined,
        accessEndsAt: 0,
      };
      sessions.set(id, session);
      return session;
    },

    findByRefreshToken: (token: string): AuthgearSession | undefined => {
      const session = sessions.get(token.split('.', 1)[0] ?? '');
      return session?.refreshToken === token && isAlive(session, nowSeconds(clock)) ? session : undefined;
    },

    findByAccessToken: async (token: string): Promise<AuthgearSession | undefined> => {
      const accessId = accessTokens === 'jwt' ? (await keys.verify(token))?.jti : token;
      if (accessId === undefined) return undefined;
      const session = [...sessions.values()].find((candidate) => candidate.accessId === accessId);
      const now = nowSeconds(clock);
      return session !== undefined && now < session.accessEndsAt && isAlive(session, now) ? session : undefined;
    },

    /** Makes fresh tokens that speak of `user`. `first` says that the app has no refresh token yet. */
    issueTokens: async (
      session: AuthgearSession,
      { user, first, flaw }: { user: AuthgearUser; first: boolean; flaw: TokenFlaw | undefined },
    ) => {
      const now = nowSeconds(clock);
      if (!first && rotateRefreshTokens) session.refreshToken = newRefreshToken(session.id);
      session.usedAt = now;
      session.accessId = randomBytes(24).toString('base64url');
      session.accessEndsAt = now + accessLifetimeSeconds;
      const withRefreshToken =
        (first && session.scope.split(' ').includes('offline_access')) || (!first && rotateRefreshTokens);
      // All that the answer says is read here: a refresh at the same time changes the session while these are signed.
      const answer = {
        token_type: 'Bearer',
        expires_in: accessLifetimeSeconds,
        scope: session.scope,
        ...(withRefreshToken && { refresh_token: session.refreshToken }),
      };
      const opaqueToken = session.accessId;
      const [accessToken, idToken] = await Promise.all([
        accessTokens === 'jwt' ? signAccessToken(session, user, now, flaw) : opaqueToken,
        signIdToken(session, user, now, flaw),
      ]);
      return { access_token: accessToken, id_token: idToken, ...answer };
    },

    endAccessToken: (session: AuthgearSession) => {
      session.accessId = undefined;
    },

    end: (session: AuthgearSession) => {
      sessions.delete(session.id);
    },

    endAll: (sub: string | undefined) => {
      for (const [id, { user }] of sessions) if (sub === undefined || user.sub === sub) sessions.delete(id);
    },
  };
};
