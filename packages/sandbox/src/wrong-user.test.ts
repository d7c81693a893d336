import { decodeJwt } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, type Sandbox, type SandboxOptions, type SandboxVendor } from './index.ts';
import { postForm, postJson, request, text, type ReadAnswer } from './testing/request.ts';

const wrongVitalId = '00000000-0000-4000-8000-00000000bad0';
const json = { 'content-type': 'application/json' };

let sandbox: Sandbox;
const start = async (options: SandboxOptions = {}) => {
  sandbox = await createSandbox(options);
};
beforeEach(() => start());
afterEach(() => sandbox.close());

const mixUp = (vendor: SandboxVendor) => sandbox.setFaults([{ vendor, fault: { type: 'wrong-user' } }]);
const heal = () => sandbox.setFaults([]);
/** Whom a token of an answer is about. */
const subject = (answer: ReadAnswer, field = 'access_token') => decodeJwt(text(answer, field)).sub;

test('Nabla: authenticate, refresh, and what a patient reads', async () => {
  const { nabla } = sandbox.urls;
  const server = { authorization: `Bearer ${sandboxCredentials.nabla.serverKey}` };
  const authenticate = () => request(`${nabla}/v1/server/jwt/patient/authenticate/alice`, { headers: server });
  const own = await authenticate();
  mixUp('nabla');
  const wrong = await authenticate();
  expect([subject(wrong), subject(wrong, 'refresh_token')]).toEqual(['wrong-user', 'wrong-user']);
  const patient = { 'x-nabla-authorization': `Bearer ${text(own, 'access_token')}` };
  const read = await postJson(`${nabla}/v1/patient/graphql/sdk/authenticated`, {}, patient);
  expect(read.fields).toEqual({ data: { me: { id: 'wrong-user' } } });
  const refreshed = await postJson(`${nabla}/v1/patient/jwt/refresh`, { refresh_token: text(own, 'refresh_token') });
  expect(subject(refreshed)).toBe('wrong-user');
});

test('Vital: create, conflict, resolve, sign-in token, get, rename', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  sandbox.vital.createUser('bob');
  const { vital } = sandbox.urls;
  const headers = { 'x-vital-api-key': sandboxCredentials.vital.apiKey };
  mixUp('vital');
  const somebodyElse = { user_id: wrongVitalId, client_user_id: 'wrong-user' };
  expect((await postJson(`${vital}/v2/user`, { client_user_id: 'carol' }, headers)).fields).toMatchObject(somebodyElse);
  const conflict = { status: 400, fields: { detail: { user_id: wrongVitalId } } };
  expect(await postJson(`${vital}/v2/user`, { client_user_id: 'alice' }, headers)).toMatchObject(conflict);
  expect((await request(`${vital}/v2/user/resolve/alice`, { headers })).fields).toMatchObject(somebodyElse);
  expect((await request(`${vital}/v2/user/${userId}`, { headers })).fields).toMatchObject(somebodyElse);
  const signIn = await postJson(`${vital}/v2/user/${userId}/sign_in_token`, {}, headers);
  expect(text(signIn, 'user_id')).toBe(wrongVitalId);
  expect(decodeJwt(userTokenOf(signIn))['uid']).toBe(wrongVitalId);
  const body = JSON.stringify({ client_user_id: 'bob' });
  const rename = await request(`${vital}/v2/user/${userId}`, {
    method: 'PATCH',
    headers: { ...headers, ...json },
    body,
  });
  expect(rename).toMatchObject(conflict);
  heal();
  // The somebody is a user of Vital's, whom the wrong sign-in token signs in.
  expect((await exchange(userTokenOf(signIn))).status).toBe(200);
  expect((await request(`${vital}/v2/user/${wrongVitalId}`, { headers })).fields).toMatchObject(somebodyElse);
});

const userTokenOf = (signIn: ReadAnswer): string => {
  const inner: unknown = JSON.parse(Buffer.from(text(signIn, 'sign_in_token'), 'base64').toString());
  return z.object({ user_token: z.string() }).parse(inner).user_token;
};
const signInToken = async (userId: string) =>
  userTokenOf(
    await postJson(
      `${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`,
      {},
      { 'x-vital-api-key': sandboxCredentials.vital.apiKey },
    ),
  );
const exchange = (userToken: string) =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:junction:sign-in-token',
    subject_token: userToken,
  });
const refreshVital = (refreshToken: string) =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, { grant_type: 'refresh_token', refresh_token: refreshToken });

test('Vital’s auth host: exchange and refresh, both tokens of them', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const own = await exchange(await signInToken(userId));
  mixUp('vital-auth');
  const wrong = await exchange(await signInToken(userId));
  expect(subject(wrong)).toBe(wrongVitalId);
  const refreshed = await refreshVital(text(own, 'refresh_token'));
  expect(subject(refreshed)).toBe(wrongVitalId);
  heal();
  expect(subject(await refreshVital(text(wrong, 'refresh_token')))).toBe(wrongVitalId);
  expect(subject(await refreshVital(text(refreshed, 'refresh_token')))).toBe(wrongVitalId);
});

test('Google’s hosts: sign-in, lookup and refresh', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const userToken = await signInToken(userId);
  const key = 'sandbox-only-vital-public-key';
  const identity = `${sandbox.origin}/identitytoolkit.googleapis.com/v1`;
  const signIn = () =>
    postJson(`${identity}/accounts:signInWithCustomToken?key=${key}`, {
      token: userToken,
      tenantId: 'sandbox-tenant-us',
      returnSecureToken: true,
    });
  const own = await signIn();
  mixUp('vital-auth');
  expect(subject(await signIn(), 'idToken')).toBe(wrongVitalId);
  const found = await postJson(`${identity}/accounts:lookup?key=${key}`, { idToken: text(own, 'idToken') });
  expect(found.fields['users']).toMatchObject([{ localId: wrongVitalId }]);
  const refreshed = await postForm(`${sandbox.origin}/securetoken.googleapis.com/v1/token?key=${key}`, {
    grant_type: 'refresh_token',
    refresh_token: text(own, 'refreshToken'),
  });
  expect(text(refreshed, 'user_id')).toBe(wrongVitalId);
  expect([subject(refreshed), subject(refreshed, 'id_token')]).toEqual([wrongVitalId, wrongVitalId]);
});

const refreshAuthgear = (refreshToken: string) =>
  postForm(`${sandbox.urls.authgear}/oauth2/token`, {
    grant_type: 'refresh_token',
    client_id: sandboxCredentials.authgear.clientId,
    refresh_token: refreshToken,
  });
const withBearer = (path: string, answer: ReadAnswer, method = 'GET') =>
  request(`${sandbox.urls.authgear}${path}`, {
    method,
    headers: { authorization: `Bearer ${text(answer, 'access_token')}` },
  });

test.each(['jwt', 'opaque'] as const)(
  'Authgear with %s tokens: sessions, refresh, userinfo, resolver',
  async (kind) => {
    await sandbox.close();
    await start({ authgear: { accessTokens: kind, rotateRefreshTokens: true } });
    const logIn = () => postJson(`${sandbox.urls.authgear}/dev-session`, { sub: 'alice', email: 'alice@example.com' });
    const own = await logIn();
    mixUp('authgear');
    for (const method of ['GET', 'POST']) {
      const { fields } = await withBearer('/oauth2/userinfo', own, method);
      expect([fields['sub'], fields['email']]).toEqual(['wrong-user', undefined]);
    }
    for (const [method, path] of ['GET', 'HEAD'].flatMap((method) => [
      [method, '/_resolver/resolve'] as const,
      [method, '/resolve'] as const,
    ])) {
      expect((await withBearer(path, own, method)).headers.get('x-authgear-user-id')).toBe('wrong-user');
    }
    const appSession = await postJson(`${sandbox.urls.authgear}/oauth2/app_session_token`, {
      refresh_token: text(own, 'refresh_token'),
    });
    expect(appSession.text).toContain('app_session_token');
    expect(appSession.text).not.toContain(text(own, 'refresh_token').split('.', 1)[0]);
    const wrongAnswers = [await logIn(), await refreshAuthgear(text(own, 'refresh_token'))];
    heal();
    for (const answer of wrongAnswers) {
      expect(subject(answer, 'id_token')).toBe('wrong-user');
      // The vendor itself knows the token as somebody else's.
      expect((await withBearer('/oauth2/userinfo', answer)).fields['sub']).toBe('wrong-user');
      expect(subject(await refreshAuthgear(text(answer, 'refresh_token')), 'id_token')).toBe('wrong-user');
    }
  },
);

test('Authgear’s code: somebody else has signed in', async () => {
  const challenge = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU';
  const codeOf = async () =>
    text(
      await postJson(`${sandbox.urls.authgear}/dev-code`, {
        sub: 'alice',
        redirect_uri: 'app://callback',
        code_challenge: challenge,
      }),
      'code',
    );
  const redeem = (code: string) =>
    postForm(`${sandbox.urls.authgear}/oauth2/token`, {
      grant_type: 'authorization_code',
      client_id: sandboxCredentials.authgear.clientId,
      code,
      redirect_uri: 'app://callback',
      code_verifier: '',
    });
  const own = await codeOf();
  mixUp('authgear');
  const wrong = await codeOf();
  expect(subject(await redeem(own))).toBe('wrong-user');
  heal();
  expect(subject(await redeem(wrong))).toBe('wrong-user');
});

test('the identity provider: dev token, login page, code and userinfo', async () => {
  const { idp } = sandbox.urls;
  const own = await postJson(`${idp}/dev-token`, { sub: 'alice' });
  const codeOf = async () => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: 'app',
      redirect_uri: 'https://app.example.com/',
      login_hint: 'alice',
      code_challenge: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
      code_challenge_method: 'S256',
    });
    const page = await request(`${idp}/authorize?${query}`);
    return new URL(page.headers.get('location') ?? '').searchParams.get('code') ?? '';
  };
  const redeem = (code: string) =>
    postForm(`${idp}/token`, {
      grant_type: 'authorization_code',
      client_id: 'app',
      redirect_uri: 'https://app.example.com/',
      code_verifier: '',
      code,
    });
  const ownCode = await codeOf();
  mixUp('idp');
  expect(subject(await postJson(`${idp}/dev-token`, { sub: 'alice' }))).toBe('wrong-user');
  const headers = { authorization: `Bearer ${text(own, 'access_token')}` };
  expect((await request(`${idp}/userinfo`, { headers })).fields).toEqual({ sub: 'wrong-user' });
  const redeemed = await redeem(ownCode);
  expect([subject(redeemed), subject(redeemed, 'id_token')]).toEqual(['wrong-user', 'wrong-user']);
  const wrongCode = await codeOf();
  heal();
  expect(subject(await redeem(wrongCode))).toBe('wrong-user');
});

const grantNymbl = () =>
  postForm(`${sandbox.urls.nymblIdp}/oauth2/token`, {
    grant_type: 'client_credentials',
    client_id: sandboxCredentials.nymbl.clientId,
    client_secret: sandboxCredentials.nymbl.clientSecret,
    scope: 'nymbl-customer-api/acme-corp',
  });

test('Nymbl: another customer’s patients, listed, alone and new', async () => {
  const authorization = `Bearer ${text(await grantNymbl(), 'access_token')}`;
  const headers = { authorization, 'x-api-key': sandboxCredentials.nymbl.apiKey };
  const { nymbl } = sandbox.urls;
  mixUp('nymbl');
  const [first] = sandbox.nymbl.patients('globex');
  const listed = await request(`${nymbl}/Patients`, { headers });
  expect(listed.fields['value']).toEqual(sandbox.nymbl.patients('globex'));
  expect((await request(`${nymbl}/Patients('acme-corp-2')`, { headers })).fields).toMatchObject({ ...first });
  expect(text(await postJson(`${nymbl}/Patients`, {}, headers), 'id')).toMatch(/^globex-/);
});

test('Nymbl’s token endpoint: a token for another customer', async () => {
  mixUp('nymbl-idp');
  const grant = await grantNymbl();
  expect(decodeJwt(text(grant, 'access_token'))['scope']).toBe('nymbl-customer-api/globex');
  const headers = {
    authorization: `Bearer ${text(grant, 'access_token')}`,
    'x-api-key': sandboxCredentials.nymbl.apiKey,
  };
  const listed = await request(`${sandbox.urls.nymbl}/Patients`, { headers });
  expect(listed.fields['value']).toEqual(sandbox.nymbl.patients('globex'));
});
