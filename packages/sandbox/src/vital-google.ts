import { json, parseForm, parseJsonObject, type Answer, type Call, type Routes } from './answer.ts';
import { nowSeconds, type SimulationEnvironment } from './simulation.ts';
import { googleError, googleLookupRoute, googleRefreshRoute, googleSignInRoute } from './vital-errors.ts';
import type { VitalSessions } from './vital-sessions.ts';
import { vitalAccessLifetimeSeconds, type VitalTokens } from './vital-tokens.ts';
import { aboutWhom, type VitalUsers } from './vital-users.ts';

/** Simulates the hosts of Google's Identity Platform, where Vital's older SDKs sign in and stay signed in. */
export const createVitalGoogleRoutes = (
  { clock }: Pick<SimulationEnvironment, 'clock'>,
  users: VitalUsers,
  tokens: VitalTokens,
  sessions: VitalSessions,
): Routes => {
  const withPublicKey =
    (handle: (call: Call) => Answer | Promise<Answer>) =>
    (call: Call): Answer | Promise<Answer> =>
      call.query.get('key') === tokens.publicKey ? handle(call) : googleError('API_KEY_INVALID');

  /** Why this user may not be signed in, in Google's words. */
  const refusal = (userId: string): Answer | undefined => {
    // Google would create the user of any well-signed token; Vital deletes people for good.
    if (users.find(userId) === undefined) return googleError('USER_NOT_FOUND');
    return users.isDisabled(userId) ? googleError('USER_DISABLED') : undefined;
  };

  const signIn = async (call: Call): Promise<Answer> => {
    const fields = parseJsonObject(call.body) ?? {};
    const signIn = await tokens.verifySignIn(String(fields['token']));
    // 401, for that is what Vital's SDKs take for a sign-in token that is not valid.
    if (signIn === undefined) return googleError('INVALID_CUSTOM_TOKEN', 401);
    if (fields['tenantId'] !== signIn.tenantId) return googleError('TENANT_ID_MISMATCH');
    const refused = refusal(signIn.userId);
    if (refused !== undefined) return refused;
    const { accessToken, refreshToken } = await sessions.start(signIn.userId, call);
    return json(200, {
      kind: 'identitytoolkit#VerifyCustomTokenResponse',
      idToken: accessToken,
      refreshToken,
      expiresIn: String(vitalAccessLifetimeSeconds),
      isNewUser: false,
    });
  };

  const lookUp = async (call: Call): Promise<Answer> => {
    const userId = await tokens.verifyAccessToken(String(parseJsonObject(call.body)?.['idToken']));
    if (userId === undefined) return googleError('INVALID_ID_TOKEN');
    const refused = refusal(userId);
    if (refused !== undefined) return refused;
    const localId = aboutWhom(userId, call);
    const validSince = String(nowSeconds(clock));
    return json(200, {
      kind: 'identitytoolkit#GetAccountInfoResponse',
      users: [{ localId, tenantId: tokens.tenantId, customAuth: true, validSince, providerUserInfo: [] }],
    });
  };

  const refresh = async (call: Call): Promise<Answer> => {
    const form = parseForm(call);
    if (form?.get('grant_type') !== 'refresh_token') return googleError('INVALID_GRANT_TYPE');
    const refreshToken = form.get('refresh_token') ?? '';
    const session = sessions.find(refreshToken);
    if (session === undefined) return googleError('INVALID_REFRESH_TOKEN');
    const refused = refusal(session.userId);
    if (refused !== undefined) return refused;
    if (session.revoked) return googleError('TOKEN_EXPIRED');
    const userId = aboutWhom(session.userId, call);
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

  return {
    [googleSignInRoute]: withPublicKey(signIn),
    [googleLookupRoute]: withPublicKey(lookUp),
    [googleRefreshRoute]: withPublicKey(refresh),
  };
};
