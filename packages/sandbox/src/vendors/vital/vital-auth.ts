import { jsonResponse, parseForm, type Call, type SimulatedResponse } from '../../engine/responses.ts';
import { authError } from './vital-errors.ts';
import type { VitalSessions } from './vital-sessions.ts';
import { vitalAccessLifetimeSeconds, type VitalTokens } from './vital-tokens.ts';
import type { VitalUsers } from './vital-users.ts';

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const signInTokenType = 'urn:junction:sign-in-token';

/** Simulates the token endpoint of Vital's auth host, which exchanges user tokens and refreshes sessions. */
export function createVitalTokenEndpoint(users: VitalUsers, tokens: VitalTokens, sessions: VitalSessions) {
  const usedSignIns = new Set<string>();

  async function startSession(userId: string, call: Call): Promise<SimulatedResponse> {
    if (users.find(userId) === undefined || users.isDisabled(userId)) return authError('invalid_token');
    const { accessToken, refreshToken } = await sessions.start(userId, call);
    return jsonResponse(200, {
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: vitalAccessLifetimeSeconds,
      token_type: 'Bearer',
    });
  }

  /** Exchanges the user token of a sign-in token for a session. Each is accepted once. */
  async function exchange(form: URLSearchParams, call: Call): Promise<SimulatedResponse> {
    if (form.get('subject_token_type') !== signInTokenType) return authError('invalid_request');
    const signIn = await tokens.verifySignIn(form.get('subject_token') ?? '');
    if (signIn === undefined || usedSignIns.has(signIn.tokenId)) return authError('invalid_token');
    usedSignIns.add(signIn.tokenId);
    return startSession(signIn.userId, call);
  }

  /** Refreshes a session. Each refresh token is accepted once. */
  async function refresh(form: URLSearchParams, call: Call): Promise<SimulatedResponse> {
    const refreshToken = form.get('refresh_token') ?? '';
    const session = sessions.find(refreshToken);
    sessions.end(refreshToken);
    if (session === undefined || session.revoked) return authError('reauthentication_required');
    return startSession(session.userId, call);
  }

  return async (call: Call): Promise<SimulatedResponse> => {
    const form = parseForm(call);
    if (form === undefined) return authError('invalid_request');
    if (form.get('grant_type') === tokenExchange) return exchange(form, call);
    return form.get('grant_type') === 'refresh_token' ? refresh(form, call) : authError('unsupported_grant_type');
  };
}
