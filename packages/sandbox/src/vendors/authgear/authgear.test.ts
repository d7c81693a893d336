import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { allowInsecureRequests, discovery } from 'openid-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type AuthgearOptions, type Sandbox } from '../../index.ts';
import { createVirtualClock, type VirtualClock } from '../../testing/virtual-clock.ts';
import { changeState } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField } from '../../testing/request.ts';

const { clientId } = sandboxCredentials.authgear;

let clock: VirtualClock;
let sandbox: Sandbox;
async function start(authgear: AuthgearOptions = {}) {
  clock = createVirtualClock();
  sandbox = await createSandbox({ clock, authgear });
}
beforeEach(() => start());
afterEach(() => sandbox.close());

const logIn = (fields: Readonly<Record<string, unknown>> = {}) =>
  postJson(`${sandbox.urls.authgear}/dev-session`, { sub: 'alice', ...fields });
const refresh = (refreshToken: string, client: string = clientId) =>
  postForm(`${sandbox.urls.authgear}/oauth2/token`, {
    grant_type: 'refresh_token',
    client_id: client,
    refresh_token: refreshToken,
  });
const withToken = (path: string, accessToken: string, method = 'GET') =>
  request(`${sandbox.urls.authgear}${path}`, { method, headers: { authorization: `Bearer ${accessToken}` } });
async function resolverHeaders(accessToken: string, path = '/_resolver/resolve', method = 'GET') {
  const { status, headers, text: body } = await withToken(path, accessToken, method);
  expect([status, body]).toEqual([200, '']);
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('x-authgear-')));
}

test('Authgear signs a user in with a verifiable access token and a refresh token of the documented form', async () => {
  const tokens = await logIn();
  expect(tokens.fields).toMatchObject({ token_type: 'Bearer', expires_in: 1800 });
  expect(tokens.headers.get('cache-control')).toBe('no-store');
  expect(textField(tokens, 'refresh_token')).toMatch(/^[0-9a-f-]{36}\.[\w-]+$/);
  const jwks = createRemoteJWKSet(new URL(`${sandbox.urls.authgear}/oauth2/jwks`));
  const currentDate = new Date(clock.nowMs());
  const rules = {
    issuer: sandbox.urls.authgear,
    audience: sandbox.origin,
    typ: 'at+jwt',
    algorithms: ['RS256'],
    currentDate,
  };
  const { payload } = await jwtVerify(textField(tokens, 'access_token'), jwks, rules);
  expect(payload).toMatchObject({
    sub: 'alice',
    client_id: clientId,
    jti: expect.any(String),
    scope: expect.stringContaining('openid'),
    'https://authgear.com/claims/user/is_verified': true,
    'https://authgear.com/claims/user/is_anonymous': false,
  });
  await expect(
    jwtVerify(textField(tokens, 'id_token'), jwks, { audience: clientId, currentDate }),
  ).resolves.toBeDefined();
});

test('Authgear invalidates the previous access token on a refresh and keeps the refresh token', async () => {
  const first = await logIn();
  const second = await refresh(textField(first, 'refresh_token'));
  expect(second.status).toBe(200);
  expect(second.fields).not.toHaveProperty('refresh_token');
  expect((await withToken('/oauth2/userinfo', textField(first, 'access_token'))).status).toBe(401);
  expect((await withToken('/oauth2/userinfo', textField(second, 'access_token'))).status).toBe(200);
  expect((await refresh(textField(first, 'refresh_token'))).status).toBe(200);
});

test('Authgear rotates refresh tokens if configured, and refuses the old one at once', async () => {
  await sandbox.close();
  await start({ rotateRefreshTokens: true });
  const first = await logIn();
  const second = await refresh(textField(first, 'refresh_token'));
  expect(textField(second, 'refresh_token')).not.toBe(textField(first, 'refresh_token'));
  expect((await refresh(textField(first, 'refresh_token'))).fields).toEqual({
    error: 'invalid_grant',
    error_description: 'invalid refresh token',
  });
  expect((await refresh(textField(second, 'refresh_token'))).status).toBe(200);
});

test('Authgear refuses a wrong token request with the error that names the cause', async () => {
  await sandbox.close();
  await start({ clientIds: [clientId, 'other'] });
  const refreshToken = textField(await logIn(), 'refresh_token');
  expect(await refresh('x.y')).toMatchObject({ status: 400, fields: { error: 'invalid_grant' } });
  expect(await refresh(refreshToken, 'nobody')).toMatchObject({
    status: 400,
    fields: { error: 'invalid_client', error_description: 'invalid client ID' },
  });
  expect(await refresh(refreshToken, 'other')).toMatchObject({
    status: 400,
    fields: { error: 'invalid_request', error_description: "client id doesn't match the refresh token" },
  });
  const password = { grant_type: 'password', client_id: clientId };
  expect(await postForm(`${sandbox.urls.authgear}/oauth2/token`, password)).toMatchObject({
    status: 400,
    fields: { error: 'unsupported_grant_type' },
  });
});

test('Authgear ends access tokens after half an hour and sessions after thirty idle days', async () => {
  const first = await logIn();
  clock.advanceSeconds(1801);
  expect((await withToken('/oauth2/userinfo', textField(first, 'access_token'))).status).toBe(401);
  clock.advanceSeconds(29 * 86_400);
  expect((await refresh(textField(first, 'refresh_token'))).status).toBe(200);
  clock.advanceSeconds(30 * 86_400);
  expect((await refresh(textField(first, 'refresh_token'))).fields['error']).toBe('invalid_grant');
});

test('Authgear ends a session after 52 weeks, even if it is refreshed', async () => {
  const refreshToken = textField(await logIn(), 'refresh_token');
  const weekSeconds = 7 * 86_400;
  for (let week = 4; week < 52; week += 4) {
    clock.advanceSeconds(4 * weekSeconds);
    expect((await refresh(refreshToken)).status).toBe(200);
  }
  clock.advanceSeconds(4 * weekSeconds - 1);
  const last = await refresh(refreshToken);
  expect(last.status).toBe(200);
  clock.advanceSeconds(1);
  expect((await refresh(refreshToken)).fields['error']).toBe('invalid_grant');
  expect((await withToken('/oauth2/userinfo', textField(last, 'access_token'))).status).toBe(401);
});

test('Authgear’s userinfo returns the claims of the user, and refuses a missing session and a narrow scope', async () => {
  const tokens = await logIn({ email: 'alice@example.com', is_anonymous: true });
  const response = await withToken('/oauth2/userinfo', textField(tokens, 'access_token'), 'POST');
  expect(response.fields).toMatchObject({
    sub: 'alice',
    email: 'alice@example.com',
    'https://authgear.com/claims/user/is_anonymous': true,
  });
  const none = await request(`${sandbox.urls.authgear}/oauth2/userinfo`);
  expect([none.status, none.fields]).toEqual([401, { error: 'invalid_grant', error_description: 'invalid session' }]);
  expect(none.headers.get('www-authenticate')).toBe(
    'Bearer error="invalid_grant", error_description="invalid session"',
  );
  const narrow = await logIn({ scope: 'offline_access' });
  expect(await withToken('/oauth2/userinfo', textField(narrow, 'access_token'))).toMatchObject({
    status: 403,
    fields: { error: 'insufficient_scope' },
  });
});

test.each(['/_resolver/resolve', '/resolve'])('Authgear resolves a session at %s by GET and HEAD', async (path) => {
  const tokens = await logIn({ roles: ['admin', 'nurse'], is_verified: false });
  for (const method of ['GET', 'HEAD']) {
    expect(await resolverHeaders(textField(tokens, 'access_token'), path, method)).toEqual({
      'x-authgear-session-valid': 'true',
      'x-authgear-user-id': 'alice',
      'x-authgear-user-anonymous': 'false',
      'x-authgear-user-verified': 'false',
      'x-authgear-user-can-reauthenticate': 'true',
      'x-authgear-user-roles': 'admin,nurse',
      'x-authgear-session-amr': 'pwd',
      'x-authgear-session-authenticated-at': expect.stringMatching(/^\d+$/),
    });
  }
});

test('Authgear’s resolver distinguishes a valid session, an invalid one and none', async () => {
  const accessToken = textField(await logIn(), 'access_token');
  sandbox.authgear.disableUser('alice');
  expect(await resolverHeaders(accessToken)).toEqual({ 'x-authgear-session-valid': 'false' });
  sandbox.authgear.enableUser('alice');
  expect(await resolverHeaders(accessToken)).toMatchObject({ 'x-authgear-session-valid': 'true' });
  sandbox.authgear.revokeSessions('alice');
  expect(await resolverHeaders(accessToken)).toEqual({});
  expect(await resolverHeaders('forged')).toEqual({});
});

test('Authgear’s resolver reports a session cookie as invalid, because the sandbox issues none', async () => {
  const resolve = async (headers: Readonly<Record<string, string>>) =>
    (await request(`${sandbox.urls.authgear}/resolve`, { headers })).headers.get('x-authgear-session-valid');
  expect(await resolve({ cookie: 'session=abc' })).toBe('false');
  expect(await resolve({ cookie: 'theme=dark; app_session=abc' })).toBe('false');
  expect(await resolve({ cookie: 'theme=dark; mysession=abc' })).toBeNull();
  const authorization = `Bearer ${textField(await logIn(), 'access_token')}`;
  expect(await resolve({ authorization, cookie: 'session=abc' })).toBe('true');
});

test('Authgear revokes an access or refresh token, and responds the same for an unknown token', async () => {
  const revoke = (token: string) => postForm(`${sandbox.urls.authgear}/oauth2/revoke`, { token });
  const byAccess = await logIn();
  expect(await revoke(textField(byAccess, 'access_token'))).toMatchObject({ status: 200, text: '' });
  expect(await resolverHeaders(textField(byAccess, 'access_token'))).toEqual({});
  expect((await refresh(textField(byAccess, 'refresh_token'))).status).toBe(200);
  expect((await revoke(textField(byAccess, 'refresh_token'))).status).toBe(200);
  expect((await refresh(textField(byAccess, 'refresh_token'))).status).toBe(400);
  expect(await revoke('never-was')).toMatchObject({ status: 200, text: '' });
});

test('Authgear issues app session tokens, and refuses them in the form of its own API', async () => {
  const url = `${sandbox.urls.authgear}/oauth2/app_session_token`;
  const good = await postJson(url, { refresh_token: textField(await logIn(), 'refresh_token') });
  expect(good.fields).toEqual({ result: { app_session_token: expect.any(String) } });
  const bad = await postJson(url, { refresh_token: 'x.y' });
  expect([bad.status, bad.fields]).toMatchObject([403, { error: { reason: 'InvalidGrant' } }]);
});

test('Authgear redirects from a logout only to apps on this machine', async () => {
  const endSession = (target: string) =>
    request(`${sandbox.urls.authgear}/oauth2/end_session?${new URLSearchParams({ post_logout_redirect_uri: target })}`);
  expect((await endSession('http://localhost:3000/bye')).headers.get('location')).toBe('http://localhost:3000/bye');
  for (const target of ['http://localhost.evil.example/', 'https://localhost/', 'http://localhost@evil.example/', '']) {
    expect((await endSession(target)).headers.get('location')).toBeNull();
  }
});

test('Authgear issues opaque access tokens if configured', async () => {
  await sandbox.close();
  await start({ accessTokens: 'opaque' });
  const accessToken = textField(await logIn(), 'access_token');
  expect(accessToken).not.toContain('.');
  expect(await resolverHeaders(accessToken)).toMatchObject({ 'x-authgear-user-id': 'alice' });
  clock.advanceSeconds(1800);
  expect(await resolverHeaders(accessToken)).toEqual({});
});

test('Authgear accepts a code once, even if its first use had a wrong verifier', async () => {
  const codeRequest = { sub: 'alice', redirect_uri: 'app://callback', code_challenge: 'x' };
  const code = textField(await postJson(`${sandbox.urls.authgear}/dev-code`, codeRequest), 'code');
  const redeem = () =>
    postForm(`${sandbox.urls.authgear}/oauth2/token`, {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      redirect_uri: 'app://callback',
      code_verifier: 'wrong',
    });
  expect((await redeem()).fields['error_description']).toBe('invalid code verifier');
  expect((await redeem()).fields['error_description']).toBe('invalid code');
});

test('Authgear refuses a code that is expired, of another client or for another redirect URI', async () => {
  await sandbox.close();
  await start({ clientIds: [clientId, 'other'] });
  const redeem = async (changes: Readonly<Record<string, string>>, waitSeconds = 0) => {
    const codeRequest = { sub: 'alice', redirect_uri: 'app://callback', code_challenge: 'x' };
    const { fields } = await postJson(`${sandbox.urls.authgear}/dev-code`, codeRequest);
    clock.advanceSeconds(waitSeconds);
    const form = { grant_type: 'authorization_code', client_id: clientId, redirect_uri: 'app://callback', ...changes };
    const response = await postForm(`${sandbox.urls.authgear}/oauth2/token`, { ...form, code: String(fields['code']) });
    return response.fields['error_description'];
  };
  expect(await redeem({}, 300)).toBe('invalid code');
  expect(await redeem({ client_id: 'other' })).toBe("client id doesn't match the code");
  expect(await redeem({ redirect_uri: 'app://elsewhere' })).toBe('invalid redirect URI');
});

test('POST /_state revokes the sessions of one user or of all, and disables and enables users', async () => {
  const tokenOf = async (sub: string) => textField(await logIn({ sub }), 'access_token');
  const [alice, bob] = [await tokenOf('alice'), await tokenOf('bob')];
  const valid = async (token: string) => (await withToken('/resolve', token)).headers.get('x-authgear-session-valid');
  await changeState(sandbox, { authgear: { disableUser: 'alice' } });
  expect([await valid(alice), await valid(bob)]).toEqual(['false', 'true']);
  await changeState(sandbox, { authgear: { enableUser: 'alice' } });
  expect(await valid(alice)).toBe('true');
  await changeState(sandbox, { authgear: { revokeSessions: 'alice' } });
  expect([await valid(alice), await valid(bob)]).toEqual([null, 'true']);
  await changeState(sandbox, { authgear: { revokeSessions: true } });
  expect(await valid(bob)).toBeNull();
});

test('POST /_state rotates the signing keys of Authgear', async () => {
  const kid = async () => decodeProtectedHeader(textField(await logIn(), 'access_token')).kid;
  const before = await kid();
  expect(await kid()).toBe(before);
  await changeState(sandbox, { keys: { rotate: ['authgear'] } });
  expect(await kid()).not.toBe(before);
});

test('openid-client discovers Authgear as an OpenID provider', async () => {
  const execute = [allowInsecureRequests];
  const authgear = await discovery(new URL(sandbox.urls.authgear), 'app', undefined, undefined, { execute });
  expect(authgear.serverMetadata().issuer).toBe(sandbox.urls.authgear);
});
