import type { Clock } from '@valetkey/core-types';
import {
  jsonResponse,
  parseForm,
  parseJsonObject,
  type Call,
  type Routes,
  type SimulatedResponse,
} from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import { googleError, googleLookupRoute, googleRefreshRoute, googleSignInRoute } from './vital-errors.ts';
import type { VitalSessions } from './vital-sessions.ts';
import { vitalAccessLifetimeSeconds, type VitalTokens } from './vital-tokens.ts';
import { shownUserId, type VitalUsers } from './vital-users.ts';

export interface VitalGoogleDependencies {
  readonly clock: Clock;
  readonly users: VitalUsers;
  readonly tokens: VitalTokens;
  readonly sessions: VitalSessions;
}

/** Simulates the hosts of Google's Identity Platform, where Vital's older SDKs sign in and refresh. */
export function createVitalGoogleRoutes(dependencies: VitalGoogleDependencies): Routes {
  const { publicKey } = dependencies.tokens;
  type Handler = (call: Call, dependencies: VitalGoogleDependencies) => Promise<SimulatedResponse>;
  const withPublicKey = (handle: Handler) => (call: Call) =>
    call.query.get('key') === publicKey ? handle(call, dependencies) : googleError('API_KEY_INVALID');
  return {
    [googleSignInRoute]: withPublicKey(signIn),
    [googleLookupRoute]: withPublicKey(lookUp),
    [googleRefreshRoute]: withPublicKey(refresh),
  };
}

/** Returns Google's error if the user may not sign in. */
function refusalOf(userId: string, users: VitalUsers): SimulatedResponse | undefined {
  // Google would create the user of any well-signed token, but a user that Vital deleted must not reappear.
  if (users.find(userId) === undefined) return googleError('USER_NOT_FOUND');
  return users.isDisabled(userId) ? googleError('USER_DISABLED') : undefined;
}

async function signIn(call: Call, { users, tokens, sessions }: VitalGoogleDependencies): Promise<SimulatedResponse> {
  const fields = parseJsonObject(call.body) ?? {};
  const signIn = await tokens.verifySignIn(String(fields['token']));
  // Vital's SDKs recognise an invalid user token by 401.
  if (signIn === undefined) return googleError('INVALID_CUSTOM_TOKEN', 401);
  if (fields['tenantId'] !== signIn.tenantId) return googleError('TENANT_ID_MISMATCH');
  const refusal = refusalOf(signIn.userId, users);
  if (refusal !== undefined) return refusal;
  const { accessToken, refreshToken } = await sessions.start(signIn.userId, call);
  return jsonResponse(200, {
    kind: 'identitytoolkit#VerifyCustomTokenResponse',
    idToken: accessToken,
    refreshToken,
    expiresIn: String(vitalAccessLifetimeSeconds),
    isNewUser: false,
  });
}

async function lookUp(call: Call, { clock, users, tokens }: VitalGoogleDependencies): Promise<SimulatedResponse> {
  const userId = await tokens.verifyAccessToken(String(parseJsonObject(call.body)?.['idToken']));
  if (userId === undefined) return googleError('INVALID_ID_TOKEN');
  const refusal = refusalOf(userId, users);
  if (refusal !== undefined) return refusal;
  const localId = shownUserId(userId, call);
  const validSince = String(nowSeconds(clock));
  return jsonResponse(200, {
    kind: 'identitytoolkit#GetAccountInfoResponse',
    users: [{ localId, tenantId: tokens.tenantId, customAuth: true, validSince, providerUserInfo: [] }],
  });
}

async function refresh(call: Call, { users, tokens, sessions }: VitalGoogleDependencies): Promise<SimulatedResponse> {
  const form = parseForm(call);
  if (form?.get('grant_type') !== 'refresh_token') return googleError('INVALID_GRANT_TYPE');
  const refreshToken = form.get('refresh_token') ?? '';
  const session = sessions.find(refreshToken);
  if (session === undefined) return googleError('INVALID_REFRESH_TOKEN');
  const refusal = refusalOf(session.userId, users);
  if (refusal !== undefined) return refusal;
  if (session.revoked) return googleError('TOKEN_EXPIRED');
  const userId = shownUserId(session.userId, call);
  const idToken = await tokens.accessToken(userId, call.tokenFlaw);
  return jsonResponse(200, {
    access_token: idToken,
    expires_in: String(vitalAccessLifetimeSeconds),
    token_type: 'Bearer',
    refresh_token: refreshToken,
    id_token: idToken,
    user_id: userId,
    project_id: 'vital-id-sandbox-only',
  });
}
