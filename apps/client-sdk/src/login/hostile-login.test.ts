import { inspect } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { issuer, jsonResponse } from '../testing/fake-provider.ts';
import { failureOf } from '../testing/failure.ts';
import { createTestLogin } from '../testing/sign-in.ts';

/** Returns a storage that tells which keys were used. */
function recordKeys(storage = memoryStorage()) {
  const keys = new Set<string>();
  const read: DeviceStorage['read'] = (key) => {
    keys.add(key);
    return storage.read(key);
  };
  return { storage: { ...storage, read }, keys };
}

/** Changes the JSON that a storage holds under a key, as another script of the page can. */
async function tamper(storage: DeviceStorage, key: string, change: (value: never) => unknown) {
  const stored = await storage.read(key);
  await storage.replace(key, stored?.revision ?? null, JSON.stringify(change(JSON.parse(stored?.text ?? '') as never)));
}

test.each([
  [{ issuer: 'https://acme-an.example' }, { issuer: 'https://acme-c0.example' }],
  [{ clientId: 'app-Aa' }, { clientId: 'app-BB' }],
  [
    { issuer: 'https://id.example/a', clientId: 'b' },
    { issuer: 'https://id.example/', clientId: 'a b' },
  ],
  [
    { issuer: 'https://id.example/a_b', clientId: 'c' },
    { issuer: 'https://id.example/a', clientId: 'b_c' },
  ],
])('the logins of %j and %j never share a place in the storage', async (one, other) => {
  const seen = await Promise.all(
    [one, other].map(async (options) => {
      const sessions = recordKeys();
      const pending = recordKeys();
      const { login } = createTestLogin({ ...options, storage: sessions.storage, pendingStorage: pending.storage });
      onTestFinished(login.close);
      await login.configure();
      await login.authorize().catch(() => undefined);
      await login.finishAuthorization('https://app.example/callback?state=x').catch(() => undefined);
      return [...sessions.keys, ...pending.keys];
    }),
  );

  expect(seen[0]).toHaveLength(2);
  expect(seen[0]?.filter((key) => seen[1]?.includes(key))).toEqual([]);
});

test.each<[string, object]>([
  ['no nonce', { nonce: undefined }],
  ['a nonce that is no text', { nonce: 7 }],
  ['no code verifier', { verifier: undefined }],
])('a callback is refused if another script left the sign-in %s', async (_, changes) => {
  const { storage: pendingStorage, keys } = recordKeys();
  const { login, provider } = createTestLogin({ pendingStorage });
  const callback = provider.signIn(await login.authorize());
  const [key = ''] = keys;
  await tamper(pendingStorage, key, (list: object[]) => list.map((request) => ({ ...request, ...changes })));

  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
  expect(provider.calls('/token')).toBe(0);
});

test('a stored access token that no header can contain is no session, and is in no error', async () => {
  const { storage, keys } = recordKeys();
  const api = 'https://api.example';
  await createTestLogin({ storage }).signIn();
  const [key = ''] = keys;
  await tamper(storage, key, (record: object) => ({ ...record, accessToken: 'secret\ntoken' }));
  const { login, provider } = createTestLogin({ storage, allowedOrigins: [api] });
  provider.on(`${api}/orders`, () => jsonResponse({}));

  expect((await login.fetch(`${api}/orders`)).status).toBe(200);
  expect(login.sessionState).toBe('NO_SESSION');
  expect(provider.requests.map(({ headers }) => headers.get('authorization'))).toEqual([null]);
});

test('claims with `__proto__` change no prototype, and cannot replace the subject', async () => {
  const { login, provider, signIn } = createTestLogin();
  await signIn();
  provider.on('/userinfo', () => new Response('{"__proto__":{"sub":"alice","polluted":true}}'));

  expect(await failureOf(login.fetchUserInfo())).toMatchObject({ code: 'response_invalid' });
  expect(({} as { polluted?: true }).polluted).toBeUndefined();
});

test('the metadata of another issuer never receives a code, a token or a user', async () => {
  const { login, provider } = createTestLogin();
  provider.on(`/.well-known/openid-configuration`, () =>
    jsonResponse({ issuer: 'https://evil.example', token_endpoint: 'https://evil.example/token' }),
  );

  expect(await failureOf(login.authorize())).toMatchObject({ code: 'response_invalid' });
  expect(provider.requests.filter(({ url }) => !url.startsWith(issuer))).toEqual([]);
});

test('no program that prints a login, its hidden fields included, prints a token', async () => {
  const { login, signIn } = createTestLogin();
  await signIn();
  await login.getAppToken({ forceRefresh: false, signal: new AbortController().signal });
  const { accessToken = expect.fail() } = login;

  expect(accessToken).toBe('access-1');
  expect(inspect(login, { depth: 30, showHidden: true }) + JSON.stringify(login)).not.toMatch(/access-|refresh-/);
});

test.each<[string, unknown]>([
  ['an object', {}],
  ['a symbol', Symbol('secret')],
  ['nothing', undefined],
])('finishAuthorization rejects with callback_refused for %s', async (_, url) => {
  const { login } = createTestLogin();

  expect(await failureOf(login.finishAuthorization(url as string))).toMatchObject({ code: 'callback_refused' });
});
