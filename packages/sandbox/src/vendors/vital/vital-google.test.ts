import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../../index.ts';
import { createVirtualClock, type VirtualClock } from '../../testing/virtual-clock.ts';
import { postForm, postJson, textField } from '../../testing/request.ts';

const publicKey = 'sandbox-only-vital-public-key';

let clock: VirtualClock;
let sandbox: Sandbox;
let userId: string;
beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = await createSandbox({ clock });
  ({ userId } = sandbox.vital.createUser('alice'));
});
afterEach(() => sandbox.close());

/** Requests a sign-in token and returns the user token inside it, a JWT. */
async function issueUserToken() {
  const headers = { 'x-vital-api-key': sandbox.credentials.vital.apiKey };
  const response = await postJson(`${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`, {}, headers);
  const signInToken = Buffer.from(textField(response, 'sign_in_token'), 'base64').toString();
  return String(/"user_token":"([^"]+)"/.exec(signInToken)?.[1]);
}
const identity = (action: string, body: unknown, key = publicKey) =>
  postJson(`${sandbox.urls.vitalAuth}/identitytoolkit.googleapis.com/v1/accounts:${action}?key=${key}`, body);
const signIn = (userToken: string, key?: string) =>
  identity('signInWithCustomToken', { token: userToken, tenantId: 'sandbox-tenant-us', returnSecureToken: true }, key);
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

test("Google's hosts start a session with ID tokens of an hour, and accept its refresh token repeatedly", async () => {
  const session = await signIn(await issueUserToken());
  expect(session.fields).toMatchObject({ idToken: expect.any(String), expiresIn: '3600' });
  const refreshToken = textField(session, 'refreshToken');
  for (let times = 0; times < 2; times += 1) {
    expect((await refresh(refreshToken)).fields).toMatchObject({
      expires_in: '3600',
      refresh_token: refreshToken,
      user_id: userId,
    });
  }
  expect((await lookUp(textField(session, 'idToken'))).fields).toMatchObject({ users: [{ localId: userId }] });
});

test.each(['', 'another-key'])('Google’s hosts refuse the public key "%s" at every route', async (key) => {
  const session = await signIn(await issueUserToken());
  const invalid = refusal('API_KEY_INVALID');
  expect(await signIn(await issueUserToken(), key)).toMatchObject(invalid);
  expect(await lookUp(textField(session, 'idToken'), key)).toMatchObject(invalid);
  expect(await refresh(textField(session, 'refreshToken'), key)).toMatchObject(invalid);
});

test("Google's hosts respond 401 to a forged or expired user token, as the SDKs expect", async () => {
  const token = await issueUserToken();
  const invalid = refusal('INVALID_CUSTOM_TOKEN', 401, 'UNAUTHENTICATED');
  expect(await signIn(`${token.slice(0, -8)}AAAAAAAA`)).toMatchObject(invalid);
  clock.advanceSeconds(3601);
  expect(await signIn(token)).toMatchObject(invalid);
});

test("Google's hosts respond with one error for a disabled user and with another for a deleted user", async () => {
  const token = await issueUserToken();
  const session = await signIn(token);
  const all = async () => [
    await signIn(token),
    await lookUp(textField(session, 'idToken')),
    await refresh(textField(session, 'refreshToken')),
  ];
  sandbox.vital.disableUser(userId.toUpperCase());
  for (const response of await all()) expect(response).toMatchObject(refusal('USER_DISABLED'));
  sandbox.vital.enableUser(userId);
  for (const response of await all()) expect(response.status).toBe(200);
  sandbox.vital.deleteUser(userId);
  for (const response of await all()) expect(response).toMatchObject(refusal('USER_NOT_FOUND'));
});

test("Google's hosts respond with one error to a refresh of a revoked session and with another to an unknown token", async () => {
  const session = await signIn(await issueUserToken());
  const { userId: other } = sandbox.vital.createUser('bob');
  sandbox.vital.revokeSessions(other);
  expect((await refresh(textField(session, 'refreshToken'))).status).toBe(200);
  sandbox.vital.revokeSessions(userId);
  expect(await refresh(textField(session, 'refreshToken'))).toMatchObject(refusal('TOKEN_EXPIRED'));
  expect(await refresh('never-was')).toMatchObject(refusal('INVALID_REFRESH_TOKEN'));
  expect(await refresh('never-was', publicKey, 'password')).toMatchObject(refusal('INVALID_GRANT_TYPE'));
  expect(await lookUp('never-was')).toMatchObject(refusal('INVALID_ID_TOKEN'));
});
