import { expect, test } from 'vitest';
import { memoryStorage } from '../storage/memory-storage.ts';
import { clientId, redirectUri } from '../testing/fake-provider.ts';
import { failureOf } from '../testing/failure.ts';
import { startOpenidProvider } from '../testing/openid-provider.ts';
import { createLogin } from './login.ts';
import type { LoginOptions } from './login-types.ts';

const { signal } = new AbortController();

async function startLogin(options: Partial<LoginOptions> = {}) {
  const { issuer, visit } = await startOpenidProvider();
  const forms: URLSearchParams[] = [];
  const login = createLogin({
    clientId,
    issuer,
    redirectUri,
    scopes: ['openid', 'offline_access', 'email'],
    storage: memoryStorage(),
    fetch: (input, init) => {
      if (typeof init?.body === 'string') forms.push(new URLSearchParams(init.body));
      return fetch(input, init);
    },
    ...options,
  });
  const signIn = async (loginHint = 'alice') =>
    login.finishAuthorization(await visit(await login.authorize({ loginHint, state: '/home' })));
  return { login, issuer, visit, signIn, forms };
}

test('a user of oidc-provider signs in, and the login reads the claims', async () => {
  const { login, issuer, signIn } = await startLogin();

  expect(await signIn()).toEqual({ state: '/home', user: { issuer, subject: 'alice' } });
  expect(login.sessionState).toBe('AUTHENTICATED');
  expect(await login.fetchUserInfo()).toEqual({ sub: 'alice', email: 'alice@example.com' });
});

test('oidc-provider rotates the refresh token, and the login follows', async () => {
  const { login, signIn, forms } = await startLogin();
  await signIn();
  const tokens = [await login.getAppToken({ forceRefresh: false, signal })];
  for (let count = 0; count < 3; count += 1) tokens.push(await login.getAppToken({ forceRefresh: true, signal }));

  expect(new Set(tokens).size).toBe(4);
  const sent = forms.map((form) => form.get('refresh_token')).filter((token) => token !== null);
  expect(new Set(sent).size).toBe(3);
  expect(await login.fetchUserInfo()).toMatchObject({ sub: 'alice' });
});

test('a refresh token that a thief used ends the session at the next refresh, because oidc-provider revokes it', async () => {
  const { login, issuer, signIn, forms } = await startLogin();
  await signIn();
  await login.getAppToken({ forceRefresh: true, signal });
  const stolen = forms.at(-1)?.get('refresh_token') ?? '';
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: stolen });
  expect((await fetch(`${issuer}/token`, { method: 'POST', body })).status).toBe(400);

  expect(await login.getAppToken({ forceRefresh: true, signal })).toBeNull();
  expect([login.sessionState, login.sessionStateReason]).toEqual(['NO_SESSION', 'INVALID']);
});

test('two tabs at oidc-provider refresh at the same time without using a refresh token twice', async () => {
  const storage = memoryStorage();
  const first = await startLogin({ storage });
  await first.signIn();
  const options = { clientId, issuer: first.issuer, redirectUri, storage };
  const second = createLogin(options);
  await second.configure();
  const request = { forceRefresh: true, signal };
  await Promise.all([first.login.getAppToken(request), second.getAppToken(request)]);
  await Promise.all([first.login.getAppToken(request), second.getAppToken(request)]);

  expect(await second.fetchUserInfo()).toMatchObject({ sub: 'alice' });
  expect(await first.login.fetchUserInfo()).toMatchObject({ sub: 'alice' });
});

test('logout revokes the refresh token at oidc-provider and returns the URL of its own sign-out', async () => {
  const { login, issuer, signIn, forms } = await startLogin();
  await signIn();
  await login.getAppToken({ forceRefresh: true, signal });
  const url = await login.logout({ redirectUri: 'https://app.example/bye' });
  await expect.poll(() => forms.at(-1)?.has('token')).toBe(true);
  const token = forms.at(-1)?.get('token') ?? '';

  expect(url).toContain(`${issuer}/session/end?client_id=${clientId}`);
  expect((await fetch(url ?? '')).status).toBe(200);
  await expect
    .poll(async () => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: clientId, refresh_token: token });
      return (await fetch(`${issuer}/token`, { method: 'POST', body })).json();
    })
    .toMatchObject({ error: 'invalid_grant' });
});

test('a sign-in without a page at oidc-provider rejects with login_required', async () => {
  const { login, visit } = await startLogin();

  const callback = await visit(await login.authorize({ prompt: 'none' }));
  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'login_required' });
});

test('a callback of oidc-provider with a code of another sign-in is refused', async () => {
  const { login, visit } = await startLogin();
  const first = new URL(await visit(await login.authorize({ loginHint: 'mallory' })));
  const second = new URL(await visit(await login.authorize({ loginHint: 'alice' })));
  second.searchParams.set('code', first.searchParams.get('code') ?? '');

  expect(await failureOf(login.finishAuthorization(second))).toMatchObject({ code: 'callback_refused' });
  expect(login.sessionState).toBe('NO_SESSION');
});
