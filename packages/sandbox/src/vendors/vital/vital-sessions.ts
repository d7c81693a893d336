import { randomBytes } from 'node:crypto';
import type { Call } from '../../engine/responses.ts';
import type { VitalTokens } from './vital-tokens.ts';
import { shownUserId } from './vital-users.ts';

/** A signed-in app, identified by its refresh token. */
export interface VitalSession {
  readonly userId: string;
  readonly revoked: boolean;
}

export type VitalSessions = ReturnType<typeof createVitalSessions>;

/** Keeps the sessions of the mobile apps, those of the current SDKs and of the older ones. */
export function createVitalSessions(tokens: VitalTokens) {
  const sessions = new Map<string, VitalSession>();

  /** Signs an app in. With `wrongUser`, the session and its tokens belong to a different user. */
  async function start(userId: string, call: Call): Promise<{ accessToken: string; refreshToken: string }> {
    const owner = shownUserId(userId, call);
    const refreshToken = randomBytes(32).toString('base64url');
    sessions.set(refreshToken, { userId: owner, revoked: false });
    return { accessToken: await tokens.accessToken(owner, call.tokenFlaw), refreshToken };
  }

  /** Requires a new sign-in of every app of this user. */
  function revoke(userId: string): void {
    for (const [refreshToken, session] of sessions) {
      if (session.userId === userId) sessions.set(refreshToken, { ...session, revoked: true });
    }
  }

  return {
    start,
    revoke,
    find: (refreshToken: string): VitalSession | undefined => sessions.get(refreshToken),
    end: (refreshToken: string): void => void sessions.delete(refreshToken),
  };
}
