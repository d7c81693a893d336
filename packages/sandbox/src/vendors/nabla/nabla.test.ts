import { decodeJwt, importPKCS8, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { createManualClock, type ManualClock } from '../../testing/manual-clock.ts';
import { postJson, request, text } from '../../testing/request.ts';

let clock: ManualClock;
let sandbox: Sandbox;
beforeEach(async () => {
  clock = createManualClock();
  sandbox = await createSandbox({ clock });
});
afterEach(() => sandbox.close());

const authenticate = (patientId: string, key: string = sandboxCredentials.nabla.serverKey) =>
  request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/${patientId}`, {
    headers: { authorization: `Bearer ${key}` },
  });
const refresh = (token: string) => postJson(`${sandbox.urls.nabla}/v1/patient/jwt/refresh`, { refresh_token: token });
const callAsPatient = (token: string) =>
  postJson(
    `${sandbox.urls.nabla}/v1/patient/graphql/sdk/authenticated`,
    {},
    { 'x-nabla-authorization': `Bearer ${token}` },
  );

test('answers tokens of that patient, of five minutes and of thirty days', async () => {
  const answer = await authenticate('alice%2Fbob');
  expect(answer.status).toBe(200);
  expect(Object.keys(answer.fields)).toEqual(['access_token', 'refresh_token']);
  for (const [field, lifetime] of [
    ['access_token', 300],
    ['refresh_token', 2_592_000],
  ] as const) {
    const { sub, iat = 0, exp } = decodeJwt(text(answer, field));
    expect([sub, exp]).toEqual(['alice/bob', iat + lifetime]);
  }
  expect((await authenticate('alice%2Fbob')).text).not.toBe(answer.text);
});

test('refuses a wrong key, another scheme, and an unknown patient', async () => {
  expect((await authenticate('alice', 'server_wrong')).status).toBe(401);
  const basic = { headers: { authorization: `Basic ${sandboxCredentials.nabla.serverKey}` } };
  expect((await request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, basic)).status).toBe(401);
  expect((await authenticate('unknown-1')).status).toBe(404);
  sandbox.nabla.setServerKeys(['server_next']);
  expect((await authenticate('alice')).status).toBe(401);
  expect((await authenticate('alice', 'server_next')).status).toBe(200);
});

test('replaces both tokens on a refresh, and takes each refresh token once', async () => {
  const first = await authenticate('alice');
  clock.advanceSeconds(301);
  expect((await callAsPatient(text(first, 'access_token'))).status).toBe(401);
  const refreshed = await Promise.all([1, 2, 3].map(() => refresh(text(first, 'refresh_token'))));
  expect(refreshed.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
  const second = refreshed.find(({ status }) => status === 200) ?? first;
  expect((await callAsPatient(text(second, 'access_token'))).fields).toEqual({ data: { me: { id: 'alice' } } });
  expect((await refresh(text(second, 'access_token'))).status).toBe(401);
  expect((await callAsPatient(text(second, 'refresh_token'))).status).toBe(401);
  clock.advanceSeconds(30 * 86_400 + 1);
  expect((await refresh(text(second, 'refresh_token'))).status).toBe(401);
});

test('takes a patient’s token in Nabla’s own header alone', async () => {
  const token = text(await authenticate('alice'), 'access_token');
  const call = (headers: Readonly<Record<string, string>>) =>
    postJson(`${sandbox.urls.nabla}/v1/patient/graphql/sdk/authenticated`, {}, headers);
  expect((await call({ authorization: `Bearer ${token}` })).status).toBe(401);
  expect((await call({ 'x-nabla-authorization': token })).status).toBe(401);
  expect((await call({ 'x-nabla-authorization': `Bearer ${token}` })).status).toBe(200);
});

test('ends a refresh token on logout, and whole sessions from behind', async () => {
  const logOut = (token: string) => postJson(`${sandbox.urls.nabla}/v1/core/user/jwt/logout`, { refresh_token: token });
  const first = await authenticate('alice');
  expect((await logOut(text(first, 'refresh_token'))).status).toBe(204);
  expect((await refresh(text(first, 'refresh_token'))).status).toBe(401);
  expect((await callAsPatient(text(first, 'access_token'))).status).toBe(200);
  const second = await authenticate('alice');
  sandbox.nabla.revokeSessions('alice');
  expect((await refresh(text(second, 'refresh_token'))).status).toBe(401);
});

test('takes a signed assertion at its newer API, once', async () => {
  const base = `${sandbox.urls.nabla}/v1/core/server`;
  const { clientId, privateKey } = await sandbox.nabla.createClient();
  const sign = async (audience: string) =>
    new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(audience)
      .setExpirationTime('1 minute')
      .sign(await importPKCS8(privateKey, 'RS256'));
  const exchange = (assertion: string) =>
    postJson(`${base}/oauth/token`, {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    });
  const assertion = await sign(`${base}/oauth/token`);
  const answer = await exchange(assertion);
  expect(answer.fields).toEqual({ access_token: expect.any(String), expires_in: 3600 });
  expect((await exchange(assertion)).status).toBe(401);
  expect((await exchange(await sign('https://elsewhere.example'))).status).toBe(401);
  expect((await exchange('x.y.z')).status).toBe(401);
  expect((await postJson(`${base}/oauth/token`, {})).status).toBe(400);

  const authorization = (token: string) => ({ authorization: `Bearer ${token}` });
  const user = await postJson(`${base}/jwt/authenticate/alice`, {}, authorization(text(answer, 'access_token')));
  expect(decodeJwt(text(user, 'access_token')).sub).toBe('alice');
  const withStaticKey = await postJson(
    `${base}/jwt/authenticate/alice`,
    {},
    authorization(sandboxCredentials.nabla.serverKey),
  );
  expect(withStaticKey.status).toBe(401);
  for (const field of ['access_token', 'refresh_token']) {
    const asPatient = await postJson(`${base}/jwt/authenticate/alice`, {}, authorization(text(user, field)));
    expect(asPatient.status).toBe(401);
  }
});

test('is configured in what Nabla leaves open', async () => {
  await using other = await createSandbox({
    nabla: { authenticateMethod: 'POST', errorBody: (status) => ({ oops: status }) },
  });
  const url = `${other.urls.nabla}/v1/server/jwt/patient/authenticate/alice`;
  expect((await request(url, { method: 'POST' })).fields).toEqual({ oops: 401 });
  expect((await request(url)).status).toBe(404);
});
