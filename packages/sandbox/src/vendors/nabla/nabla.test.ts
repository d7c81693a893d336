import { decodeJwt, decodeProtectedHeader, importPKCS8, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { createVirtualClock, type VirtualClock } from '../../testing/virtual-clock.ts';
import { changeState } from '../../testing/sandbox-requests.ts';
import { postJson, request, textField } from '../../testing/request.ts';

const { serverKey } = sandboxCredentials.nabla;

let clock: VirtualClock;
let sandbox: Sandbox;
beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = await createSandbox({ clock });
});
afterEach(() => sandbox.close());

const authenticate = (patientId: string, key: string = serverKey) =>
  request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/${patientId}`, {
    headers: { authorization: `Bearer ${key}` },
  });
const refresh = (token: string) => postJson(`${sandbox.urls.nabla}/v1/patient/jwt/refresh`, { refresh_token: token });
const callWith = (headers: Readonly<Record<string, string>>) =>
  postJson(`${sandbox.urls.nabla}/v1/patient/graphql/sdk/authenticated`, {}, headers);
const callAsPatient = (token: string) => callWith({ 'x-nabla-authorization': `Bearer ${token}` });

test('Nabla issues an access token that lives five minutes and a refresh token that lives thirty days', async () => {
  const response = await authenticate('alice%2Fbob');
  expect(response.status).toBe(200);
  expect(Object.keys(response.fields)).toEqual(['access_token', 'refresh_token']);
  for (const [field, lifetime] of [
    ['access_token', 300],
    ['refresh_token', 2_592_000],
  ] as const) {
    const { sub, iat = 0, exp } = decodeJwt(textField(response, field));
    expect([sub, exp]).toEqual(['alice/bob', iat + lifetime]);
  }
  expect((await authenticate('alice%2Fbob')).text).not.toBe(response.text);
});

test('Nabla refuses a wrong server key, another scheme and an unknown patient', async () => {
  expect((await authenticate('alice', 'server_wrong')).status).toBe(401);
  const basic = { headers: { authorization: `Basic ${serverKey}` } };
  expect((await request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, basic)).status).toBe(401);
  expect((await authenticate('unknown-1')).status).toBe(404);
  sandbox.nabla.setServerKeys(['server_next']);
  expect((await authenticate('alice')).status).toBe(401);
  expect((await authenticate('alice', 'server_next')).status).toBe(200);
});

test('Nabla replaces both tokens on a refresh and accepts each refresh token once', async () => {
  const first = await authenticate('alice');
  clock.advanceSeconds(301);
  expect((await callAsPatient(textField(first, 'access_token'))).status).toBe(401);
  const refreshed = await Promise.all([1, 2, 3].map(() => refresh(textField(first, 'refresh_token'))));
  expect(refreshed.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
  const second = refreshed.find(({ status }) => status === 200) ?? first;
  expect((await callAsPatient(textField(second, 'access_token'))).fields).toEqual({ data: { me: { id: 'alice' } } });
  expect((await refresh(textField(second, 'access_token'))).status).toBe(401);
  expect((await callAsPatient(textField(second, 'refresh_token'))).status).toBe(401);
  clock.advanceSeconds(30 * 86_400 + 1);
  expect((await refresh(textField(second, 'refresh_token'))).status).toBe(401);
});

test('Nabla accepts a patient’s token only in its own header', async () => {
  const token = textField(await authenticate('alice'), 'access_token');
  expect((await callWith({ authorization: `Bearer ${token}` })).status).toBe(401);
  expect((await callWith({ 'x-nabla-authorization': token })).status).toBe(401);
  expect((await callWith({ 'x-nabla-authorization': `Bearer ${token}` })).status).toBe(200);
});

test('Nabla ends a refresh token on logout, and a patient’s sessions when they are revoked', async () => {
  const logOut = (token: string) => postJson(`${sandbox.urls.nabla}/v1/core/user/jwt/logout`, { refresh_token: token });
  const first = await authenticate('alice');
  expect((await logOut(textField(first, 'refresh_token'))).status).toBe(204);
  expect((await refresh(textField(first, 'refresh_token'))).status).toBe(401);
  expect((await callAsPatient(textField(first, 'access_token'))).status).toBe(200);
  expect((await logOut(textField(first, 'refresh_token'))).status).toBe(401);
  const second = await authenticate('alice');
  sandbox.nabla.revokeSessions('alice');
  expect((await refresh(textField(second, 'refresh_token'))).status).toBe(401);
});

test('Nabla’s Core API accepts a signed assertion once', async () => {
  const base = `${sandbox.urls.nabla}/v1/core/server`;
  const { clientId, privateKey } = await sandbox.nabla.createClient();
  const sign = async (audience: string) =>
    new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(audience)
      .setExpirationTime(clock.nowMs() / 1000 + 60)
      .sign(await importPKCS8(privateKey, 'RS256'));
  const exchange = (assertion: string) =>
    postJson(`${base}/oauth/token`, {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    });
  const assertion = await sign(`${base}/oauth/token`);
  const response = await exchange(assertion);
  expect(response.fields).toEqual({ access_token: expect.any(String), expires_in: 3600 });
  expect((await exchange(assertion)).status).toBe(401);
  expect((await exchange(await sign('https://elsewhere.example'))).status).toBe(401);
  expect((await exchange('x.y.z')).status).toBe(401);
  expect((await postJson(`${base}/oauth/token`, {})).status).toBe(400);

  const authenticateWith = (token: string) =>
    postJson(`${base}/jwt/authenticate/alice`, {}, { authorization: `Bearer ${token}` });
  const user = await authenticateWith(textField(response, 'access_token'));
  expect(decodeJwt(textField(user, 'access_token')).sub).toBe('alice');
  expect((await authenticateWith(serverKey)).status).toBe(401);
  for (const field of ['access_token', 'refresh_token']) {
    expect((await authenticateWith(textField(user, field))).status).toBe(401);
  }
});

test('the options of Nabla change the method and the error body, which Nabla does not document', async () => {
  await using other = await createSandbox({
    nabla: { authenticateMethod: 'POST', errorBody: (status) => ({ oops: status }) },
  });
  const url = `${other.urls.nabla}/v1/server/jwt/patient/authenticate/alice`;
  expect((await request(url, { method: 'POST' })).fields).toEqual({ oops: 401 });
  expect((await request(url)).status).toBe(404);
});

test('POST /_state sets the server keys of Nabla and revokes the sessions of a patient', async () => {
  const session = await authenticate('alice');
  await changeState(sandbox, { nabla: { setServerKeys: ['next'], revokeSessions: 'alice' } });
  expect((await authenticate('alice')).status).toBe(401);
  expect((await authenticate('alice', 'next')).status).toBe(200);
  expect((await refresh(textField(session, 'refresh_token'))).status).toBe(401);
});

test('POST /_state rotates the signing keys of Nabla', async () => {
  const kid = async () => decodeProtectedHeader(textField(await authenticate('alice'), 'access_token')).kid;
  const before = await kid();
  expect(await kid()).toBe(before);
  await changeState(sandbox, { keys: { rotate: ['nabla'] } });
  expect(await kid()).not.toBe(before);
});
