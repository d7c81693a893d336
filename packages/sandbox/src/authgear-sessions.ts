import { randomBytes, randomUUID } from 'node:crypto';
import type { TokenFlaw } from './answer.ts';
import type { AuthgearLogin, AuthgearUser } from './authgear-login.ts';
import type { SigningKeys } from './keys.ts';
import { nowSeconds, type SimulationEnvironment } from './simulation.ts';

/** A signed-in app installation (an "offline grant"). */
export interface AuthgearSession extends AuthgearLogin {
  readonly id: string;
  readonly authenticatedAt: number;
  readonly endsAt: number;
  usedAt: number;
  refreshToken: string;
  /** The one access token that is valid, by its id; a refresh invalidates the one before. */
  accessId: string;
  accessEndsAt: number;
}

/** How sessions and their tokens are made. */
export interface AuthgearSessionOptions {
  /** `opaque` unless "Issue JWT as access token" is on. Default: `jwt`, as an app with its own backend needs it. */
  readonly accessTokens?: 'jwt' | 'opaque' | undefined;
  /** Whether a refresh answers a new refresh token and ends the old one. Default: false. */
  readonly rotateRefreshTokens?: boolean | undefined;
}

/** How tokens are made. */
interface TokenRequest {
  /** The app has no refresh token yet. */
  readonly first: boolean;
  readonly flaw: TokenFlaw | undefined;
}

const accessLifetimeSeconds = 1800;
const refreshLifetimeSeconds = 52 * 7 * 86_400;
const idleTimeoutSeconds = 30 * 86_400;

/** The claims by which Authgear describes a user. */
export const userClaims = (user: AuthgearUser) => ({
  sub: user.sub,
  'https://authgear.com/claims/user/is_anonymous': user.isAnonymous,
  'https://authgear.com/claims/user/is_verified': user.isVerified,
  'https://authgear.com/claims/user/can_reauthenticate': user.canReauthenticate,
});

/** Keeps the sessions of Authgear's clients, and makes their tokens. */
export const createAuthgearSessions = (
  { clock, origin }: SimulationEnvironment,
  keys: SigningKeys,
  { accessTokens = 'jwt', rotateRefreshTokens = false }: AuthgearSessionOptions,
) => {
  const sessions = new Map<string, AuthgearSession>();
  const sessionsByAccessId = new Map<string, AuthgearSession>();

  const isAlive = (session: AuthgearSession, now: number) =>
    sessions.has(session.id) && now < session.endsAt && now < session.usedAt + idleTimeoutSeconds;

  const end = (session: AuthgearSession): void => {
    sessions.delete(session.id);
    sessionsByAccessId.delete(session.accessId);
  };

  const signAccessToken = (session: AuthgearSession, { flaw }: TokenRequest) =>
    keys.sign(
      {
        iss: `${origin()}/authgear`,
        aud: [origin()],
        iat: session.usedAt,
        exp: session.accessEndsAt,
        client_id: session.clientId,
        scope: session.scope,
        auth_time: session.authenticatedAt,
        amr: ['pwd'],
        jti: session.accessId,
        ...userClaims(session.user),
      },
      { typ: 'at+jwt', flaw },
    );

  const signIdToken = (session: AuthgearSession, { flaw }: TokenRequest) =>
    keys.sign(
      {
        iss: `${origin()}/authgear`,
        aud: [session.clientId],
        iat: session.usedAt,
        exp: session.accessEndsAt,
        auth_time: session.authenticatedAt,
        amr: ['pwd'],
        ...userClaims(session.user),
      },
      { flaw },
    );

  return {
    end,

    start: (login: AuthgearLogin): AuthgearSession => {
      const id = randomUUID();
      const now = nowSeconds(clock);
      const session = {
        ...login,
        id,
        authenticatedAt: now,
        endsAt: now + refreshLifetimeSeconds,
        usedAt: now,
        refreshToken: newRefreshToken(id),
        accessId: newAccessId(),
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
      const session = sessionsByAccessId.get(accessId ?? '');
      const now = nowSeconds(clock);
      return session !== undefined && now < session.accessEndsAt && isAlive(session, now) ? session : undefined;
    },

    /** Makes fresh tokens, which end the access token before them. */
    issueTokens: async (session: AuthgearSession, request: TokenRequest) => {
      const rotates = !request.first && rotateRefreshTokens;
      const offline = request.first && session.scope.split(' ').includes('offline_access');
      sessionsByAccessId.delete(session.accessId);
      session.usedAt = nowSeconds(clock);
      session.accessEndsAt = session.usedAt + accessLifetimeSeconds;
      session.accessId = newAccessId();
      sessionsByAccessId.set(session.accessId, session);
      if (rotates) session.refreshToken = newRefreshToken(session.id);

      // Two refreshes may run at once: each answers what the session was when its own turn came.
      const issued = { ...session };
      return {
        access_token: accessTokens === 'jwt' ? await signAccessToken(issued, request) : issued.accessId,
        id_token: await signIdToken(issued, request),
        token_type: 'Bearer',
        expires_in: accessLifetimeSeconds,
        scope: issued.scope,
        ...((rotates || offline) && { refresh_token: issued.refreshToken }),
      };
    },

    endAccessToken: (session: AuthgearSession): void => {
      sessionsByAccessId.delete(session.accessId);
    },

    /** Ends the sessions of one user, or of all. */
    endAll: (sub?: string): void => {
      for (const session of sessions.values()) if (sub === undefined || session.user.sub === sub) end(session);
    },
  };
};

const newRefreshToken = (sessionId: string) => `${sessionId}.${randomBytes(24).toString('base64url')}`;
const newAccessId = () => randomBytes(24).toString('base64url');
