import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import type { TokenFlaw } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import type { SigningKeys } from '../../engine/signing-keys.ts';
import type { AuthgearLogin } from './authgear-login.ts';
import { userClaims } from './authgear-users.ts';

/** An installation of an app where a user is signed in (Authgear calls it an offline grant). */
export interface AuthgearSession extends AuthgearLogin {
  readonly id: string;
  readonly authenticatedAt: number;
  readonly endsAt: number;
  usedAt: number;
  refreshToken: string;
  /** The id of the valid access token. Each refresh invalidates the previous one. */
  accessId: string;
  accessEndsAt: number;
}

export interface AuthgearSessionDependencies {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly issuer: () => string;
  /** Returns the `aud` of the access tokens. */
  readonly audience: () => string;
  readonly accessTokens: 'jwt' | 'opaque';
  readonly rotateRefreshTokens: boolean;
}

interface TokenRequest {
  /** Whether these are the first tokens of the session, so that the app has no refresh token yet. */
  readonly first: boolean;
  readonly flaw: TokenFlaw | undefined;
}

export type AuthgearSessions = ReturnType<typeof createAuthgearSessions>;

const accessLifetimeSeconds = 1800;
const refreshLifetimeSeconds = 52 * 7 * 86_400;
const idleTimeoutSeconds = 30 * 86_400;

/** Keeps the sessions of Authgear's clients and issues their tokens. */
export function createAuthgearSessions(dependencies: AuthgearSessionDependencies) {
  const { clock, keys, accessTokens, rotateRefreshTokens } = dependencies;
  const sessions = new Map<string, AuthgearSession>();
  const sessionsByAccessId = new Map<string, AuthgearSession>();

  function isAlive(session: AuthgearSession, now: number): boolean {
    return sessions.has(session.id) && now < session.endsAt && now < session.usedAt + idleTimeoutSeconds;
  }

  function start(login: AuthgearLogin): AuthgearSession {
    const session = createSession(login, nowSeconds(clock));
    sessions.set(session.id, session);
    return session;
  }

  function end(session: AuthgearSession): void {
    sessions.delete(session.id);
    sessionsByAccessId.delete(session.accessId);
  }

  /** Ends the sessions of one user, or of all users. */
  function endAll(sub?: string): void {
    for (const session of sessions.values()) if (sub === undefined || session.user.sub === sub) end(session);
  }

  function endAccessToken(session: AuthgearSession): void {
    sessionsByAccessId.delete(session.accessId);
  }

  function findByRefreshToken(token: string): AuthgearSession | undefined {
    const session = sessions.get(token.split('.', 1)[0] ?? '');
    return session?.refreshToken === token && isAlive(session, nowSeconds(clock)) ? session : undefined;
  }

  async function findByAccessToken(token: string): Promise<AuthgearSession | undefined> {
    const accessId = accessTokens === 'jwt' ? (await keys.verify(token))?.jti : token;
    const session = sessionsByAccessId.get(accessId ?? '');
    const now = nowSeconds(clock);
    return session !== undefined && now < session.accessEndsAt && isAlive(session, now) ? session : undefined;
  }

  /** Issues new tokens, which invalidates the previous access token. */
  async function issueTokens(session: AuthgearSession, { first, flaw }: TokenRequest) {
    const rotates = !first && rotateRefreshTokens;
    const offline = first && session.scope.split(' ').includes('offline_access');
    sessionsByAccessId.delete(session.accessId);
    session.usedAt = nowSeconds(clock);
    session.accessEndsAt = session.usedAt + accessLifetimeSeconds;
    session.accessId = createAccessId();
    sessionsByAccessId.set(session.accessId, session);
    if (rotates) session.refreshToken = createRefreshToken(session.id);

    // Two refreshes may run concurrently, so each signs a copy of the session as it is now.
    const nonce = first ? session.nonce : undefined;
    return signTokens({ ...session, nonce }, { flaw, withRefreshToken: rotates || offline }, dependencies);
  }

  return { start, end, endAll, endAccessToken, findByRefreshToken, findByAccessToken, issueTokens };
}

function createSession(login: AuthgearLogin, now: number): AuthgearSession {
  const id = randomUUID();
  return {
    ...login,
    id,
    authenticatedAt: now,
    endsAt: now + refreshLifetimeSeconds,
    usedAt: now,
    refreshToken: createRefreshToken(id),
    accessId: createAccessId(),
    accessEndsAt: 0,
  };
}

function createRefreshToken(sessionId: string): string {
  return `${sessionId}.${randomBytes(24).toString('base64url')}`;
}

function createAccessId(): string {
  return randomBytes(24).toString('base64url');
}

async function signTokens(
  session: AuthgearSession,
  { flaw, withRefreshToken }: { readonly flaw: TokenFlaw | undefined; readonly withRefreshToken: boolean },
  dependencies: AuthgearSessionDependencies,
) {
  const isJwt = dependencies.accessTokens === 'jwt';
  return {
    access_token: isJwt ? await signAccessToken(session, flaw, dependencies) : session.accessId,
    id_token: await signIdToken(session, flaw, dependencies),
    token_type: 'Bearer',
    expires_in: accessLifetimeSeconds,
    scope: session.scope,
    ...(withRefreshToken && { refresh_token: session.refreshToken }),
  };
}

function signAccessToken(
  session: AuthgearSession,
  flaw: TokenFlaw | undefined,
  { keys, issuer, audience }: AuthgearSessionDependencies,
): Promise<string> {
  const claims = {
    ...commonClaims(session, issuer()),
    aud: [audience()],
    client_id: session.clientId,
    scope: session.scope,
    jti: session.accessId,
  };
  return keys.sign(claims, { typ: 'at+jwt', flaw });
}

function signIdToken(
  session: AuthgearSession,
  flaw: TokenFlaw | undefined,
  { keys, issuer }: AuthgearSessionDependencies,
): Promise<string> {
  const { clientId, nonce } = session;
  return keys.sign({ ...commonClaims(session, issuer()), aud: [clientId], ...(nonce && { nonce }) }, { flaw });
}

function commonClaims(session: AuthgearSession, issuer: string) {
  return {
    iss: issuer,
    iat: session.usedAt,
    exp: session.accessEndsAt,
    auth_time: session.authenticatedAt,
    amr: ['pwd'],
    ...userClaims(session.user),
  };
}
