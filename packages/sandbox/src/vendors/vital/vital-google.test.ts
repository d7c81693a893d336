import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../index.ts';
import { createManualClock, type ManualClock } from '../../testing/manual-clock.ts';
import { postForm, postJson, text } from '../../testing/request.ts';

const publicKey = 'sandbox-only-vital-public-key';

let clock: ManualClock;
let sandbox: Sandbox;
let userId: string;
beforeEach(async () => {
  clock = createManualClock();
  sandbox = await createSandbox({ clock });
  ({ userId } = sandbox.vital.createUser('alice'));
});
afterEach(() => sandbox.close());

async function userToken() {
  const headers = { 'x-vital-api-key': sandbox.credentials.vital.apiKey };
  const response = await postJson(`${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`, {}, headers);
  const outer = Buffer.from(text(response, 'sign_in_token'), 'base64').toString();
  return String(/"user_token":"([^"]+)"/.exec(outer)?.[1]);
}
const identity = (action: string, body: unknown, key = publicKey) =>
  postJson(`${sandbox.urls.vitalAuth}/identitytoolkit.googleapis.com/v1/accounts:${action}?key=${key}`, body);
const signIn = (token: string, key?: string) =>
  identity('signInWithCustomToken', { token, tenantId: 'sandbox-tenant-us', returnSecureToken: true }, key);
const lookUp = (idToken: string, key?: string) => identity('lookup', { idToken }, key);
const refresh = (refreshToken: string, key = publicKey, grantType = 'refresh_token') =>
  postForm(`${sandbox.urls.vitalAuth}/securetoken.googleapis.com/v1/token?key=${key}`, {
    grant_type: grantType,
    refresh_token: refreshToken,
  });
const refusal = (message: string, code = 400, status = 'INVALID_ARGUMENT') => ({
  status: code,
  fields: { error: { code, message, status } },
});

test('Google’s hosts sign in for an hour and accept a refresh token repeatedly', async () => {
  const session = await signIn(await userToken());
  expect(session.fields).toMatchObject({ idToken: expect.any(String), expiresIn: '3600' });
  const refreshToken = text(session, 'refreshToken');
  for (let times = 0; times < 2; times += 1) {
    expect((await refresh(refreshToken)).fields).toMatchObject({
      expires_in: '3600',
      refresh_token: refreshToken,
      user_id: userId,
    });
  }
  expect((await lookUp(text(session, 'idToken'))).fields).toMatchObject({ users: [{ localId: userId }] });
});

test.each(['', 'another-key'])('Google’s hosts refuse the public key "%s" at every route', async (key) => {
  const session = await signIn(await userToken());
  const invalid = refusal('API_KEY_INVALID');
  expect(await signIn(await userToken(), key)).toMatchObject(invalid);
  expect(await lookUp(text(session, 'idToken'), key)).toMatchObject(invalid);
  expect(await refresh(text(session, 'refreshToken'), key)).toMatchObject(invalid);
});

test('Google’s hosts respond 401 to a forged or expired sign-in token, as the SDKs expect', async () => {
  const token = await userToken();
  const invalid = refusal('INVALID_CUSTOM_TOKEN', 401, 'UNAUTHENTICATED');
  expect(await signIn(`${token.slice(0, -8)}AAAAAAAA`)).toMatchObject(invalid);
  clock.advanceSeconds(3601);
  expect(await signIn(token)).toMatchObject(invalid);
});

test('Google’s hosts distinguish a disabled user from a deleted one', async () => {
  const token = await userToken();
  const session = await signIn(token);
  const all = async () => [
    await signIn(token),
    await lookUp(text(session, 'idToken')),
    await refresh(text(session, 'refreshToken')),
  ];
  sandbox.vital.disableUser(userId.toUpperCase());
  for (const response of await all()) expect(response).toMatchObject(refusal('USER_DISABLED'));
  sandbox.vital.enableUser(userId);
  for (const response of await all()) expect(response.status).toBe(200);
  sandbox.vital.deleteUser(userId);
  for (const response of await all()) expect(response).toMatchObject(refusal('USER_NOT_FOUND'));
});

test('Google’s hosts distinguish a revoked session from an unknown one', async () => {
  const session = await signIn(await userToken());
  const { userId: other } = sandbox.vital.createUser('bob');
  sandbox.vital.revokeSessions(other);
  expect((await refresh(text(session, 'refreshToken'))).status).toBe(200);
  sandbox.vital.revokeSessions(userId);
  expect(await refresh(text(session, 'refreshToken'))).toMatchObject(refusal('TOKEN_EXPIRED'));
  expect(await refresh('never-was')).toMatchObject(refusal('INVALID_REFRESH_TOKEN'));
  expect(await refresh('never-was', publicKey, 'password')).toMatchObject(refusal('INVALID_GRANT_TYPE'));
  expect(await lookUp('never-was')).toMatchObject(refusal('INVALID_ID_TOKEN'));
});
