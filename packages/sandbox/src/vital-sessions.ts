import { randomBytes } from 'node:crypto';
import type { Call } from './answer.ts';
import type { VitalTokens } from './vital-tokens.ts';
import { aboutWhom } from './vital-users.ts';

/** A signed-in app, known by its refresh token. */
export interface VitalSession {
  readonly userId: string;
  readonly revoked: boolean;
}

export type VitalSessions = ReturnType<typeof createVitalSessions>;

/** Keeps the sessions of the mobile apps, of the current SDKs and of the older ones. */
export const createVitalSessions = (tokens: VitalTokens) => {
  const sessions = new Map<string, VitalSession>();

  return {
    /** Signs an app in. A vendor that mixes people up hands it somebody else's session, refresh token included. */
    start: async (userId: string, call: Call) => {
      const owner = aboutWhom(userId, call);
      const refreshToken = randomBytes(32).toString('base64url');
      sessions.set(refreshToken, { userId: owner, revoked: false });
      return { accessToken: await tokens.accessToken(owner, call.tokenFlaw), refreshToken };
    },

    find: (refreshToken: string): VitalSession | undefined => sessions.get(refreshToken),

    end: (refreshToken: string): void => {
      sessions.delete(refreshToken);
    },

    /** Makes every app of this user sign in anew. */
    revoke: (userId: string): void => {
      for (const [refreshToken, session] of sessions) {
        if (session.userId === userId) sessions.set(refreshToken, { ...session, revoked: true });
      }
    },
  };
};
