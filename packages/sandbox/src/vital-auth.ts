import { randomBytes } from 'node:crypto';
import { json, parseForm, parseJsonObject, type Answer, type Call, type Routes } from './answer.ts';
import { nowSeconds, type Simulation, type SimulationEnvironment } from './simulation.ts';
import { vitalAccessLifetimeSeconds, type VitalTokens } from './vital-tokens.ts';
import type { VitalUsers } from './vital-users.ts';

const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const signInTokenType = 'urn:junction:sign-in-token';

/** Simulates Vital's auth host, and under the paths of Google's Identity Platform the hosts that were before it. */
export const createVitalAuth = (
  { clock }: SimulationEnvironment,
  users: VitalUsers,
  tokens: VitalTokens,
): { simulation: Simulation; revokeSessions: (userId: string) => void } => {
  const usedSignIns = new Set<string>();
  /** Refresh tokens with their users. Each is good once. */
  const sessions = new Map<string, string>();

  const startSession = async (userId: string, call: Call) => {
    const user = call.wrongUser ? '00000000-0000-4000-8000-00000000bad0' : userId;
    const refreshToken = randomBytes(32).toString('base64url');
    sessions.set(refreshToken, userId);
    return { accessToken: await tokens.accessToken(user, call.tokenFlaw), refreshToken };
  };

  const answerSession = async (userId: string, call: Call): Promise<Answer> => {
    const { accessToken, refreshToken } = await startSession(userId, call);
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
    if (users.find(signIn.userId) === undefined) return authError('invalid_token');
    return answerSession(signIn.userId, call);
  };

  const refresh = (form: URLSearchParams, call: Call): Answer | Promise<Answer> => {
    const refreshToken = form.get('refresh_token') ?? '';
    const userId = sessions.get(refreshToken);
    sessions.delete(refreshToken);
    if (userId === undefined) return authError('reauthentication_required');
    return users.find(userId) === undefined ? authError('invalid_token') : answerSession(userId, call);
  };

  const token = (call: Call): Answer | Promise<Answer> => {
    const form = parseForm(call);
    if (form === undefined) return authError('invalid_request');
    if (form.get('grant_type') === tokenExchange) return exchange(form, call);
    return form.get('grant_type') === 'refresh_token' ? refresh(form, call) : authError('unsupported_grant_type');
  };

  const withPublicKey =
    (handle: (call: Call) => Answer | Promise<Answer>) =>
    (call: Call): Answer | Promise<Answer> =>
      call.query.get('key') === tokens.publicKey ? handle(call) : googleError('API_KEY_INVALID');

  const legacySignIn = async (call: Call): Promise<Answer> => {
    const fields = parseJsonObject(call.body) ?? {};
    const signIn = await tokens.verifySignIn(String(fields['token']));
    if (signIn === undefined) return googleError('INVALID_CUSTOM_TOKEN');
    if (fields['tenantId'] !== signIn.tenantId) return googleError('TENANT_ID_MISMATCH');
    // Google would create the user of any well-signed token; Vital deletes people for good.
    if (users.find(signIn.userId) === undefined) return googleError('USER_NOT_FOUND');
    const { accessToken, refreshToken } = await startSession(signIn.userId, call);
    return json(200, {
      kind: 'identitytoolkit#VerifyCustomTokenResponse',
      idToken: accessToken,
      refreshToken,
      expiresIn: String(vitalAccessLifetimeSeconds),
      isNewUser: false,
    });
  };

  const legacyLookup = async (call: Call): Promise<Answer> => {
    const userId = await tokens.verifyAccessToken(String(parseJsonObject(call.body)?.['idToken']));
    if (userId === undefined) return googleError('INVALID_ID_TOKEN');
    if (users.find(userId) === undefined) return googleError('USER_NOT_FOUND');
    const validSince = String(nowSeconds(clock));
    return json(200, {
      kind: 'identitytoolkit#GetAccountInfoResponse',
      users: [{ localId: userId, tenantId: tokens.tenantId, customAuth: true, validSince, providerUserInfo: [] }],
    });
  };

  const legacyRefresh = async (call: Call): Promise<Answer> => {
    const form = parseForm(call);
    if (form?.get('grant_type') !== 'refresh_token') return googleError('INVALID_GRANT_TYPE');
    const refreshToken = form.get('refresh_token') ?? '';
    const userId = sessions.get(refreshToken);
    if (userId === undefined) return googleError('INVALID_REFRESH_TOKEN');
    if (users.find(userId) === undefined) return googleError('USER_NOT_FOUND');
    const idToken = await tokens.accessToken(userId, call.tokenFlaw);
    return json(200, {
      access_token: idToken,
      expires_in: String(vitalAccessLifetimeSeconds),
      token_type: 'Bearer',
      refresh_token: refreshToken,
      id_token: idToken,
      user_id: userId,
      project_id: 'vital-id-sandbox-only',
    });
  };

  const legacyRoutes: Routes = {
    'POST /identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken': withPublicKey(legacySignIn),
    'POST /identitytoolkit.googleapis.com/v1/accounts:lookup': withPublicKey(legacyLookup),
    'POST /securetoken.googleapis.com/v1/token': withPublicKey(legacyRefresh),
  };

  return {
    simulation: {
      vendor: 'vital-auth',
      failure: (status) => authError(status >= 500 ? 'internal_error' : 'invalid_request', status),
      routes: { 'POST /v1/token': token, ...legacyRoutes },
      rootRoutes: legacyRoutes,
    },
    revokeSessions: (userId) => {
      for (const [refreshToken, owner] of sessions) if (owner === userId) sessions.delete(refreshToken);
    },
  };
};

/** The statuses are not documented; the SDKs take any 4xx. */
const authError = (type: string, status = 400): Answer => json(status, { detail: { error_type: type } });

const googleError = (message: string, status = 400): Answer =>
  json(status, {
    error: {
      code: status,
      message,
      status: 'INVALID_ARGUMENT',
      errors: [{ message, domain: 'global', reason: 'invalid' }],
    },
  });
