import { expect, test } from 'vitest';
import { memoryStorage } from '../storage/memory-storage.ts';
import { clientId, issuer, jsonResponse, redirectUri } from '../testing/fake-provider.ts';
import { failureOf } from '../testing/failure.ts';
import { createTestLogin } from '../testing/sign-in.ts';

test('authorize returns the URL of the sign-in page with PKCE, state and nonce', async () => {
  const { login } = createTestLogin();

  const url = new URL(
    await login.authorize({
      prompt: ['login', 'consent'],
      loginHint: 'alice@example.com',
      uiLocales: ['fr-CA', 'en'],
      parameters: { x_page: 'signup' },
    }),
  );
  const { state, nonce, code_challenge: challenge, ...parameters } = Object.fromEntries(url.searchParams);

  expect(url.origin + url.pathname).toBe(`${issuer}/authorize`);
  expect(parameters).toEqual({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope: 'openid offline_access',
    code_challenge_method: 'S256',
    prompt: 'login consent',
    login_hint: 'alice@example.com',
    ui_locales: 'fr-CA en',
    x_page: 'signup',
  });
  for (const secret of [state, nonce, challenge]) expect(secret).toMatch(/^[\w-]{43}$/);
});

test('authorize makes another state, nonce and code challenge for each sign-in', async () => {
  const { login } = createTestLogin();
  const urls = [new URL(await login.authorize()), new URL(await login.authorize())];
  const secrets = urls.flatMap(({ searchParams }) =>
    ['state', 'nonce', 'code_challenge'].map((name) => searchParams.get(name)),
  );

  expect(new Set(secrets).size).toBe(6);
});

test("authorize keeps the app's own state on the device, and finishAuthorization returns it", async () => {
  const { login, provider } = createTestLogin();
  const url = await login.authorize({ state: '/orders/7' });

  expect(decodeURIComponent(url)).not.toContain('/orders/7');
  expect(await login.finishAuthorization(provider.signIn(url))).toEqual({
    state: '/orders/7',
    user: { issuer, subject: 'alice' },
  });
});

test.each([
  ['an unknown option', { redirectURI: redirectUri }],
  ['a parameter of the protocol', { parameters: { redirect_uri: 'https://evil.test' } }],
  ['a state of its own', { parameters: { state: 'fixed' } }],
  ['a prompt twice', { prompt: 'login', parameters: { prompt: 'none' } }],
  ['a login hint that is no text', { loginHint: 7 }],
  ['a state that is no text', { state: {} }],
])('authorize rejects %s with invalid_request', async (_, options) => {
  const { login } = createTestLogin();

  expect(await failureOf(login.authorize(options as never))).toMatchObject({ code: 'invalid_request' });
});

test('finishAuthorization redeems the code once and begins the session', async () => {
  const { login, provider, signIn, changes } = createTestLogin();
  await login.configure();
  const result = await signIn();

  expect(result.user).toEqual({ issuer, subject: 'alice' });
  expect(login.user).toEqual({ issuer, subject: 'alice' });
  expect(changes).toEqual(['NO_SESSION NO_TOKEN', 'AUTHENTICATED AUTHENTICATED']);
  const { form, init } = provider.requests.find(({ path }) => path === '/token') ?? {};
  expect(Object.fromEntries(form ?? [])).toEqual({
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code: expect.any(String),
    code_verifier: expect.stringMatching(/^[\w-]{43}$/),
  });
  expect(init).toMatchObject({ credentials: 'omit', redirect: 'manual' });
});

test('finishAuthorization shares one sign-in between concurrent calls with one URL, as in StrictMode', async () => {
  const { login, provider } = createTestLogin();
  const callback = provider.signIn(await login.authorize());

  const [first, second] = await Promise.all([login.finishAuthorization(callback), login.finishAuthorization(callback)]);

  expect(second).toBe(first);
  expect(provider.calls('/token')).toBe(1);
});

test('finishAuthorization refuses a callback that was used before, even after a sign-out', async () => {
  const { login, provider } = createTestLogin();
  const callback = provider.signIn(await login.authorize());
  await login.finishAuthorization(callback);

  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'already_signed_in' });
  await login.clearSessionState();
  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
  expect(provider.calls('/token')).toBe(1);
});

test('finishAuthorization refuses a callback that a sign-in of another tab began', async () => {
  const storage = memoryStorage();
  const [first, second] = [createTestLogin({ storage }), createTestLogin({ storage })];
  await second.login.authorize();
  const callback = first.provider.signIn(await first.login.authorize());

  expect(await failureOf(second.login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
  expect(second.provider.calls('/token')).toBe(0);
  await first.login.finishAuthorization(callback);
  expect(first.login.sessionState).toBe('AUTHENTICATED');
});

test('each of two sign-ins of one tab can end, and only one of them signs in', async () => {
  const { login, provider } = createTestLogin();
  const [first, second] = [await login.authorize(), await login.authorize()];
  await login.finishAuthorization(provider.signIn(first));

  expect(await failureOf(login.finishAuthorization(provider.signIn(second)))).toMatchObject({
    code: 'already_signed_in',
  });
  await login.clearSessionState();
  await login.finishAuthorization(provider.signIn(second));
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('two programs that share the storage of sign-ins redeem one callback once', async () => {
  const pendingStorage = memoryStorage();
  const first = createTestLogin({ pendingStorage });
  const second = createTestLogin({ pendingStorage, fetch: first.provider.fetch });
  await second.login.authorize();
  const callback = first.provider.signIn(await first.login.authorize());

  const outcomes = await Promise.allSettled([
    first.login.finishAuthorization(callback),
    second.login.finishAuthorization(callback),
  ]);

  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(first.provider.calls('/token')).toBe(1);
});

test.each([
  ['after 10 minutes', 600_000],
  ['after the device set its clock back by an hour', -3_600_000],
])('finishAuthorization refuses a callback that comes %s', async (_, byMs) => {
  const { login, provider, stepTime } = createTestLogin();
  const callback = provider.signIn(await login.authorize());
  stepTime(byMs);

  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
});

test('finishAuthorization accepts a callback one second before 10 minutes are over', async () => {
  const { login, provider, advance } = createTestLogin();
  const callback = provider.signIn(await login.authorize());
  advance(599_000);

  await login.finishAuthorization(callback);
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test.each([
  ['without a state', (url: URL) => url.searchParams.delete('state')],
  ['with an empty state', (url: URL) => url.searchParams.set('state', '')],
  ['with a foreign state', (url: URL) => url.searchParams.set('state', 'x'.repeat(43))],
  ['with two states', (url: URL) => url.searchParams.append('state', 'other')],
  ['without a code', (url: URL) => url.searchParams.delete('code')],
  ['with an empty code', (url: URL) => url.searchParams.set('code', '')],
  ['with two codes', (url: URL) => url.searchParams.append('code', 'other')],
  ['of another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.test')],
  ['with two issuers', (url: URL) => url.searchParams.append('iss', 'https://evil.test')],
  ['with two errors', (url: URL) => (url.search += '&error=a&error=b')],
  ['with a slash after the issuer', (url: URL) => url.searchParams.set('iss', `${issuer}/`)],
  [
    'with the parameters in the fragment',
    (url: URL) => {
      url.hash = url.search.slice(1);
      url.search = '';
    },
  ],
  ['at another path', (url: URL) => (url.pathname = '/callback/evil')],
  ['at another host', (url: URL) => (url.host = 'evil.test')],
  ['at another port', (url: URL) => (url.port = '8443')],
  ['without encryption', (url: URL) => (url.protocol = 'http:')],
  ['with a user name', (url: URL) => (url.username = 'app.example')],
])('finishAuthorization refuses a callback %s, without a request for tokens', async (_, change) => {
  const { login, provider } = createTestLogin();
  const url = new URL(provider.signIn(await login.authorize()));
  change(url);

  expect(await failureOf(login.finishAuthorization(url))).toMatchObject({ code: 'callback_refused' });
  expect(provider.calls('/token')).toBe(0);
  expect(login.sessionState).toBe('NO_SESSION');
});

test.each(['', 'not a URL', 'javascript:alert(1)', 'data:text/html,x', undefined, null, {}])(
  'finishAuthorization refuses %j',
  async (value) => {
    const { login } = createTestLogin();

    expect(await failureOf(login.finishAuthorization(value as never))).toMatchObject({ code: 'callback_refused' });
  },
);

test('finishAuthorization refuses a foreign callback without any request', async () => {
  const { login, provider } = createTestLogin();
  const callback = `${redirectUri}?code=foreign&state=${'x'.repeat(43)}`;

  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
  expect(provider.requests).toEqual([]);
});

test('sign-ins that begin at the same time can all end', async () => {
  const { login, provider } = createTestLogin();
  const urls = await Promise.all([login.authorize(), login.authorize(), login.authorize()]);
  for (const url of urls) {
    await login.finishAuthorization(provider.signIn(url));
    await login.clearSessionState();
  }

  expect(provider.calls('/token')).toBe(3);
});

test('finishAuthorization judges an ID token by the clock of the options', async () => {
  const { login, signIn, stepTime } = createTestLogin();
  stepTime(-86_400_000);
  await signIn();

  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('finishAuthorization requires the issuer if the provider says that it sends it (RFC 9207)', async () => {
  const { login, provider } = createTestLogin({}, { authorization_response_iss_parameter_supported: true });
  const url = new URL(provider.signIn(await login.authorize()));
  url.searchParams.delete('iss');

  expect(await failureOf(login.finishAuthorization(url))).toMatchObject({ code: 'callback_refused' });
});

test('finishAuthorization accepts a callback without the issuer from a provider that does not send it', async () => {
  const { login, provider } = createTestLogin();
  const url = new URL(provider.signIn(await login.authorize()));
  url.searchParams.delete('iss');

  await login.finishAuthorization(url);
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test.each([
  ['access_denied', 'access_denied', false],
  ['login_required', 'login_required', false],
  ['interaction_required', 'login_required', false],
  ['consent_required', 'login_required', false],
  ['temporarily_unavailable', 'identity_unavailable', true],
  ['server_error', 'identity_unavailable', true],
  ['unauthorized_client', 'configuration_invalid', false],
  ['constructor', 'configuration_invalid', false],
])('finishAuthorization rejects the error %s of a callback with %s', async (error, code, retryable) => {
  const { login, provider } = createTestLogin();
  const url = new URL(provider.signIn(await login.authorize(), { error, error_description: 'secret-text' }));
  url.searchParams.delete('code');

  const failure = await failureOf(login.finishAuthorization(url));
  expect(failure).toMatchObject({ code, retryable });
  expect(JSON.stringify(failure) + failure.message).not.toContain('secret-text');
  expect(await failureOf(login.finishAuthorization(url))).toMatchObject({ code: 'callback_refused' });
});

test.each([
  ['of another nonce', { nonce: 'other' }],
  ['without a nonce', { nonce: undefined }],
  ['for another client', { aud: 'other-app' }],
  ['for several clients without an authorized party', { aud: [clientId, 'other-app'] }],
  ['for several clients and another authorized party', { aud: [clientId, 'other-app'], azp: 'other-app' }],
  ['of another issuer', { iss: 'https://evil.test' }],
  ['without a subject', { sub: undefined }],
  ['that expired an hour ago', { exp: Math.floor(Date.now() / 1000) - 3600 }],
  ['that is not valid yet', { nbf: Math.floor(Date.now() / 1000) + 3600 }],
])('finishAuthorization refuses an ID token %s', async (_, claims) => {
  const { provider, signIn, login } = createTestLogin();
  provider.withClaims(claims);

  expect(await failureOf(signIn())).toMatchObject({ code: 'response_invalid' });
  expect(login.sessionState).toBe('NO_SESSION');
});

test.each([
  [299, 'AUTHENTICATED'],
  [700, 'NO_SESSION'],
])('a clock of the device that is %d seconds too fast leads to %s', async (seconds, state) => {
  const { provider, signIn, login } = createTestLogin();
  const now = Math.floor(Date.now() / 1000);
  provider.withClaims({ iat: now - seconds, exp: now - seconds + 300 });
  await signIn().catch(() => undefined);

  expect(login.sessionState).toBe(state);
});

test('clockToleranceSeconds lets a device with a wrong clock sign in', async () => {
  const { provider, signIn, login } = createTestLogin({ clockToleranceSeconds: 7200 });
  const now = Math.floor(Date.now() / 1000);
  provider.withClaims({ iat: now - 3600, exp: now - 3300 });
  await signIn();

  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('a sign-in needs no key of the provider, because the ID token comes from the token endpoint itself', async () => {
  const { provider, signIn } = createTestLogin({}, { jwks_uri: `${issuer}/jwks` });
  await signIn();

  expect(provider.requests.map(({ path }) => path)).toEqual(['/.well-known/openid-configuration', '/token']);
});

test.each([
  ['another issuer', { issuer: 'https://evil.test' }],
  ['a sign-in page without encryption', { authorization_endpoint: 'http://id.example/authorize' }],
  ['a sign-in page that is a script', { authorization_endpoint: 'javascript:alert(1)' }],
  ['no sign-in page', { authorization_endpoint: undefined }],
])('authorize refuses metadata with %s', async (_, metadata) => {
  const { login } = createTestLogin({}, metadata);

  expect(await failureOf(login.authorize())).toMatchObject({ code: 'response_invalid' });
});

test('a sign-in never sends a code to a token endpoint without encryption', async () => {
  const { signIn, provider } = createTestLogin({}, { token_endpoint: 'http://id.example/token' });

  expect(await failureOf(signIn())).toMatchObject({ code: 'response_invalid' });
  expect(provider.calls('/token')).toBe(0);
});

test('metadata is fetched once for concurrent calls, and again after a failure', async () => {
  const { login, provider } = createTestLogin();
  const discovery = '/.well-known/openid-configuration';
  provider.on(discovery, () => jsonResponse({}, 503));
  expect(await failureOf(login.authorize())).toMatchObject({ code: 'identity_unavailable', retryable: true });
  provider.on(discovery, undefined);

  await Promise.all([login.authorize(), login.authorize(), login.authorize()]);
  expect(provider.calls(discovery)).toBe(2);
});

test('a storage that cannot be written rejects authorize with storage_unavailable', async () => {
  const pendingStorage = { ...memoryStorage(), replace: () => Promise.reject(new Error('locked')) };
  const { login } = createTestLogin({ pendingStorage });

  expect(await failureOf(login.authorize())).toMatchObject({ code: 'storage_unavailable' });
});

test('a sign-in forgets the oldest of nine that have begun', async () => {
  const pendingStorage = memoryStorage();
  const { login, provider } = createTestLogin({ pendingStorage });
  const first = await login.authorize();
  const second = await login.authorize();
  for (let count = 2; count < 9; count += 1) await login.authorize();

  expect(await failureOf(login.finishAuthorization(provider.signIn(first)))).toMatchObject({
    code: 'callback_refused',
  });
  await login.finishAuthorization(provider.signIn(second));
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('a platform without WebCrypto signs in with the randomBytes and sha256 of the app', async () => {
  let byte = 0;
  const { createHash } = await import('node:crypto');
  const { login, signIn } = createTestLogin({
    randomBytes: (length) => new Uint8Array(length).fill((byte += 1)),
    sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  });
  await signIn();

  expect(login.sessionState).toBe('AUTHENTICATED');
});

test.each([
  ['too few bytes', () => new Uint8Array(8)],
  ['nothing', () => undefined as never],
  [
    'an error',
    () => {
      throw new Error('no entropy');
    },
  ],
])('authorize rejects if randomBytes returns %s', async (_, randomBytes) => {
  const { login } = createTestLogin({ randomBytes });

  expect(await failureOf(login.authorize())).toMatchObject({ code: 'internal' });
});

test.each(['{', 'null', '{}', '[null, 7, "text", {}]'])('a sign-in ignores %j in the storage', async (text) => {
  const pendingStorage = memoryStorage();
  const { login, provider } = createTestLogin({ pendingStorage });
  const url = await login.authorize();
  const { read, replace } = pendingStorage;
  const keys: string[] = [];
  const { login: spied } = createTestLogin({
    pendingStorage: {
      read: (key) => {
        keys.push(key);
        return read(key);
      },
      replace,
    },
  });
  await spied.authorize();
  const [key = ''] = keys;
  await replace(key, (await read(key))?.revision ?? null, text);

  expect(await failureOf(login.finishAuthorization(provider.signIn(url)))).toMatchObject({ code: 'callback_refused' });
  await login.finishAuthorization(provider.signIn(await login.authorize()));
  expect(login.sessionState).toBe('AUTHENTICATED');
});
