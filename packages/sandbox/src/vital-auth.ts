import { json, parseForm, type Answer, type Call } from './answer.ts';
import type { Simulation, SimulationEnvironment } from './simulation.ts';
import { authError, vitalAuthFailure } from './vital-errors.ts';
import { createVitalGoogleRoutes } from './vital-google.ts';
import { createVitalSessions } from './vital-sessions.ts';
import { vitalAccessLifetimeSeconds, type VitalTokens } from './vital-tokens.ts';
import type { VitalUsers } from './vital-users.ts';

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const signInTokenType = 'urn:junction:sign-in-token';

/** Simulates Vital's auth host, and under the paths of Google's Identity Platform the hosts that were before it. */
export const createVitalAuth = (
  environment: SimulationEnvironment,
  users: VitalUsers,
  tokens: VitalTokens,
): { simulation: Simulation; revokeSessions: (userId: string) => void } => {
  const usedSignIns = new Set<string>();
  const sessions = createVitalSessions(tokens);

  const mayNotSignIn = (userId: string) => users.find(userId) === undefined || users.isDisabled(userId);

  const answerSession = async (userId: string, call: Call): Promise<Answer> => {
    const { accessToken, refreshToken } = await sessions.start(userId, call);
    return json(200, {
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: vitalAccessLifetimeSeconds,
      token_type: 'Bearer',
    });
  };

  const exchange = async (form: URLSearchParams, call: Call): Promise<Answer> => {
    if (form.get('subject_token_type') !== signInTokenType) return authError('invalid_request');
    const signIn = await tokens.verifySignIn(form.get('subject_token') ?? '');
    if (signIn === undefined || usedSignIns.has(signIn.tokenId)) return authError('invalid_token');
    usedSignIns.add(signIn.tokenId);
    return mayNotSignIn(signIn.userId) ? authError('invalid_token') : answerSession(signIn.userId, call);
  };

  /** A refresh token is good once. */
  const refresh = (form: URLSearchParams, call: Call): Answer | Promise<Answer> => {
    const refreshToken = form.get('refresh_token') ?? '';
    const session = sessions.find(refreshToken);
    sessions.end(refreshToken);
    if (session === undefined || session.revoked) return authError('reauthentication_required');
    return mayNotSignIn(session.userId) ? authError('invalid_token') : answerSession(session.userId, call);
  };

  const token = (call: Call): Answer | Promise<Answer> => {
    const form = parseForm(call);
    if (form === undefined) return authError('invalid_request');
    if (form.get('grant_type') === tokenExchange) return exchange(form, call);
    return form.get('grant_type') === 'refresh_token' ? refresh(form, call) : authError('unsupported_grant_type');
  };

  const googleRoutes = createVitalGoogleRoutes(environment, users, tokens, sessions);

  return {
    simulation: {
      vendor: 'vital-auth',
      failure: vitalAuthFailure,
      routes: { 'POST /v1/token': token, ...googleRoutes },
      rootRoutes: googleRoutes,
    },
    revokeSessions: sessions.revoke,
  };
};
