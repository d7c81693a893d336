import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../index.ts';
import { postForm, postJson, request, text } from '../testing/request.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const change = (body: unknown) => postJson(`${sandbox.origin}/_state`, body);
const changed = async (body: unknown) => expect((await change(body)).status).toBe(204);

const authenticate = async (key: string) => {
  const headers = { authorization: `Bearer ${key}` };
  return request(`${sandbox.urls.nabla}/v1/server/jwt/patient/authenticate/alice`, { headers });
};
const nudgeStatus = async (apiKey: string) =>
  (await request(`${sandbox.urls.nudge}/api/clients/jwt/token`, { headers: { apiKey } })).status;

test('Nabla: server keys and sessions', async () => {
  const session = await authenticate(sandboxCredentials.nabla.serverKey);
  await changed({ nabla: { setServerKeys: ['next'], revokeSessions: 'alice' } });
  expect((await authenticate(sandboxCredentials.nabla.serverKey)).status).toBe(401);
  expect((await authenticate('next')).status).toBe(200);
  const body = { refresh_token: text(session, 'refresh_token') };
  expect((await postJson(`${sandbox.urls.nabla}/v1/patient/jwt/refresh`, body)).status).toBe(401);
});

test('Nudge: API keys, and whether there are tokens at all', async () => {
  await changed({ nudge: { setApiKeys: ['next', 'last'] } });
  expect(await nudgeStatus(sandboxCredentials.nudge.apiKey)).toBe(401);
  expect(await nudgeStatus('last')).toBe(200);
  await changed({ nudge: { setTokensEnabled: false } });
  expect(await nudgeStatus('last')).toBe(403);
  await changed({ nudge: { setTokensEnabled: true, setApiKeys: [] } });
  expect(await nudgeStatus('last')).toBe(401);
});

const grant = (secret: string) =>
  postForm(`${sandbox.urls.nymblIdp}/oauth2/token`, {
    grant_type: 'client_credentials',
    client_id: sandboxCredentials.nymbl.clientId,
    client_secret: secret,
    scope: 'nymbl-customer-api/acme-corp',
  });

test('Nymbl: client secrets, API keys, tokens and limits', async () => {
  const { clientSecret, apiKey } = sandboxCredentials.nymbl;
  const list = async (token: string, key: string) => {
    const headers = { authorization: `Bearer ${token}`, 'x-api-key': key };
    return (await request(`${sandbox.urls.nymbl}/Patients`, { headers })).status;
  };
  const token = text(await grant(clientSecret), 'access_token');
  await changed({ nymbl: { setClientSecrets: ['next'] } });
  expect([(await grant(clientSecret)).status, (await grant('next')).status]).toEqual([400, 200]);
  expect(await list(token, apiKey)).toBe(200);
  await changed({ nymbl: { revokeTokens: true } });
  expect(await list(token, apiKey)).toBe(401);
  const fresh = text(await grant('next'), 'access_token');
  await changed({ nymbl: { setApiKeys: ['next-key'], setRateLimited: true } });
  expect(await list(fresh, apiKey)).toBe(403);
  const statuses = await Promise.all(Array.from({ length: 9 }, () => list(fresh, 'next-key')));
  expect(statuses).toContain(429);
});

test('Authgear: sessions of one or of all, and users disabled and enabled', async () => {
  const logIn = async (sub: string) =>
    text(await postJson(`${sandbox.urls.authgear}/dev-session`, { sub }), 'access_token');
  const [alice, bob] = [await logIn('alice'), await logIn('bob')];
  const valid = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await request(`${sandbox.urls.authgear}/resolve`, { headers })).headers.get('x-authgear-session-valid');
  };
  await changed({ authgear: { disableUser: 'alice' } });
  expect([await valid(alice), await valid(bob)]).toEqual(['false', 'true']);
  await changed({ authgear: { enableUser: 'alice' } });
  expect(await valid(alice)).toBe('true');
  await changed({ authgear: { revokeSessions: 'alice' } });
  expect([await valid(alice), await valid(bob)]).toEqual([null, 'true']);
  await changed({ authgear: { revokeSessions: true } });
  expect(await valid(bob)).toBeNull();
});

const exchange = (signInToken: string) =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:junction:sign-in-token',
    subject_token: String(/"user_token":"([^"]+)"/.exec(Buffer.from(signInToken, 'base64').toString())?.[1]),
  });

test('Vital: API keys, sessions, and users disabled and enabled', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const signIn = async (apiKey: string) =>
    postJson(`${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`, {}, { 'x-vital-api-key': apiKey });
  await changed({ vital: { setApiKeys: ['sk_us_next'] } });
  expect((await signIn(sandboxCredentials.vital.apiKey)).status).toBe(401);
  const signInAgain = async () => exchange(text(await signIn('sk_us_next'), 'sign_in_token'));
  const refresh = async (refreshToken: string) =>
    (
      await postForm(`${sandbox.urls.vitalAuth}/v1/token`, {
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      })
    ).fields;
  const session = await signInAgain();
  await changed({ vital: { revokeSessions: userId } });
  expect(await refresh(text(session, 'refresh_token'))).toEqual({
    detail: { error_type: 'reauthentication_required' },
  });
  const next = await signInAgain();
  await changed({ vital: { disableUser: userId } });
  const invalid = { detail: { error_type: 'invalid_token' } };
  expect([(await signInAgain()).fields, await refresh(text(next, 'refresh_token'))]).toEqual([invalid, invalid]);
  await changed({ vital: { enableUser: userId } });
  expect((await signInAgain()).status).toBe(200);
});

const issuers: Readonly<Record<string, () => Promise<string>>> = {
  nabla: async () => text(await authenticate(sandboxCredentials.nabla.serverKey), 'access_token'),
  nudge: async () => {
    const headers = { apiKey: sandboxCredentials.nudge.apiKey };
    return text(await request(`${sandbox.urls.nudge}/api/clients/jwt/token`, { headers }), 'token');
  },
  'nymbl-idp': async () => text(await grant(sandboxCredentials.nymbl.clientSecret), 'access_token'),
  authgear: async () => text(await postJson(`${sandbox.urls.authgear}/dev-session`, { sub: 'alice' }), 'access_token'),
  idp: () => sandbox.mintUserToken({ sub: 'alice' }),
};

test.each(Object.keys(issuers))('%s: signing keys are rotated', async (issuer) => {
  const kid = async () => decodeProtectedHeader((await issuers[issuer]?.()) ?? '').kid;
  const before = await kid();
  expect(await kid()).toBe(before);
  await changed({ keys: { rotate: [issuer] } });
  expect(await kid()).not.toBe(before);
});

test('vital: sign-in tokens of keys that are withdrawn are refused', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const headers = { 'x-vital-api-key': sandboxCredentials.vital.apiKey };
  const signInToken = async () =>
    text(await postJson(`${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`, {}, headers), 'sign_in_token');
  const [first, second] = [await signInToken(), await signInToken()];
  await changed({ keys: { rotate: ['vital'] } });
  expect((await exchange(first)).status).toBe(200);
  await changed({ keys: { withdraw: ['vital'] } });
  expect((await exchange(second)).status).toBe(400);
  expect((await exchange(await signInToken())).status).toBe(200);
});

test('the keys before are published until they are withdrawn', async () => {
  const published = async (path: string) => {
    const { fields } = await request(`${sandbox.origin}${path}`);
    return Array.isArray(fields['keys']) ? fields['keys'].length : 0;
  };
  const paths = ['/authgear/oauth2/jwks', '/nymbl-idp/.well-known/jwks.json'];
  const counts = () => Promise.all(paths.map(published));
  expect(await counts()).toEqual([1, 1]);
  await changed({ keys: { rotate: ['authgear', 'nymbl-idp', 'vital'] } });
  expect(await counts()).toEqual([2, 2]);
  await changed({ keys: { withdraw: ['authgear'] } });
  expect(await counts()).toEqual([1, 2]);
  await changed({ keys: { rotate: ['nymbl-idp'], withdraw: ['nymbl-idp'] } });
  expect(await counts()).toEqual([1, 1]);
});

test.each([
  [{ nobody: {} }],
  [{ nudge: { setApiKey: ['next'] } }],
  [{ nudge: { setApiKeys: 'next' } }],
  [{ nudge: { setApiKeys: [''] } }],
  [{ nudge: { setTokensEnabled: 'no' } }],
  [{ nymbl: { revokeTokens: false } }],
  [{ vital: { createUser: 'alice' } }],
  [{ keys: { rotate: ['vital-auth'] } }],
  [[]],
])('refuses %j whole', async (body) => {
  const answer = await change(Array.isArray(body) ? body : { nabla: { setServerKeys: [] }, ...body });
  expect([answer.status, answer.fields['error']]).toEqual([400, 'invalid_request']);
  expect((await authenticate(sandboxCredentials.nabla.serverKey)).status).toBe(200);
});

test('takes what a web page of another origin cannot send', async () => {
  const body = JSON.stringify({ nudge: { setApiKeys: [] } });
  expect((await request(`${sandbox.origin}/_state`, { method: 'POST', body })).status).toBe(415);
  expect(await nudgeStatus(sandboxCredentials.nudge.apiKey)).toBe(200);
});
