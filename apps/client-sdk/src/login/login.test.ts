import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { clientId, idToken, issuer, jsonResponse, redirectUri } from '../testing/fake-provider.ts';
import { issued, startFakeBroker, problem } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { createTestLogin } from '../testing/sign-in.ts';

const { signal } = new AbortController();
const halfAnHourMs = 1_800_000;

test('configure reads the session from the storage and sends no request', async () => {
  const storage = memoryStorage();
  await createTestLogin({ storage }).signIn();
  const { login, provider, changes } = createTestLogin({ storage });

  expect(login.sessionState).toBe('UNKNOWN');
  await login.configure();
  expect(login.sessionState).toBe('AUTHENTICATED');
  expect(login.user).toEqual({ issuer, subject: 'alice' });
  expect(changes).toEqual(['AUTHENTICATED FOUND_TOKEN']);
  expect(provider.requests).toEqual([]);
});

test('configure without a session leads to NO_SESSION, and a second call changes nothing', async () => {
  const { login, changes } = createTestLogin();
  await login.configure();
  await login.configure();

  expect([login.sessionState, login.sessionStateReason]).toEqual(['NO_SESSION', 'NO_TOKEN']);
  expect(changes).toEqual(['NO_SESSION NO_TOKEN']);
});

test('configure rejects with storage_unavailable if the storage is locked, and the state stays UNKNOWN', async () => {
  const storage = { ...memoryStorage(), read: () => Promise.reject(new Error('locked')) };
  const { login } = createTestLogin({ storage });

  expect(await failureOf(login.configure())).toMatchObject({ code: 'storage_unavailable' });
  expect(login.sessionState).toBe('UNKNOWN');
});

test('a login never finds the session of another client or of another provider in the same storage', async () => {
  const storage = memoryStorage();
  await createTestLogin({ storage }).signIn();
  const others = [createTestLogin({ storage, clientId: 'other' }), createTestLogin({ storage, issuer: `${issuer}/b` })];
  for (const { login } of others) {
    await login.configure();
    expect(login.sessionState).toBe('NO_SESSION');
  }
});

test('onSessionStateChange tells of changes alone, until it is ended, and ignores what a listener throws', async () => {
  const { login, signIn, advance } = createTestLogin();
  const seen: string[] = [];
  login.onSessionStateChange(() => {
    throw new Error('listener');
  });
  const end = login.onSessionStateChange((state, reason) => seen.push(`${state} ${reason}`));
  await signIn();
  advance(halfAnHourMs);
  await login.refreshAccessTokenIfNeeded();
  await login.fetchUserInfo();
  await login.logout();
  end();
  await signIn();

  expect(seen).toEqual(['NO_SESSION NO_TOKEN', 'AUTHENTICATED AUTHENTICATED', 'NO_SESSION LOGOUT']);
});

test('a second tab follows a sign-out of the first', async () => {
  const storage = memoryStorage();
  const [first, second] = [createTestLogin({ storage }), createTestLogin({ storage })];
  await first.signIn();
  await second.login.configure();
  await first.login.logout();
  second.advance(60_000);
  await second.login.refreshAccessTokenIfNeeded();

  expect(second.login.accessToken).toBeUndefined();
  expect(second.changes).toEqual(['AUTHENTICATED FOUND_TOKEN', 'NO_SESSION NO_TOKEN']);
});

test('two tabs with strict rotation refresh once', async () => {
  const storage = memoryStorage();
  const first = createTestLogin({ storage });
  await first.signIn();
  const second = createTestLogin({ storage, fetch: first.provider.fetch, clock: first.clock });
  await second.login.configure();
  first.advance(halfAnHourMs);
  await Promise.all([first.login.refreshAccessTokenIfNeeded(), second.login.refreshAccessTokenIfNeeded()]);

  expect(first.login.accessToken).toBe('access-2');
  expect(second.login.accessToken).toBe('access-2');
  expect(first.provider.calls('/token')).toBe(2);
});

test('a refresh keeps the refresh token until the provider sends another one', async () => {
  const { login, signIn, provider, advance } = createTestLogin();
  await signIn();
  const sent: (string | null)[] = [];
  const rotations = [{}, { refresh_token: 'refresh-9' }, {}];
  provider.on('/token', ({ form }) => {
    sent.push(form.get('refresh_token'));
    return jsonResponse({ access_token: 'access', token_type: 'bearer', expires_in: 1800, ...rotations.shift() });
  });
  for (let count = 0; count < 3; count += 1) {
    advance(halfAnHourMs);
    await login.refreshAccessTokenIfNeeded();
  }

  expect(sent).toEqual(['refresh-1', 'refresh-1', 'refresh-9']);
});

const failures = [
  [
    'a network failure',
    'network_unavailable',
    () => {
      throw new TypeError('offline');
    },
  ],
  ['500', 'identity_unavailable', () => jsonResponse({ error: 'server_error' }, 500)],
  ['a gateway with 502', 'identity_unavailable', () => new Response('<html>', { status: 502 })],
  ['503 with invalid_grant', 'identity_unavailable', () => jsonResponse({ error: 'invalid_grant' }, 503)],
  ['429', 'identity_unavailable', () => jsonResponse({ error: 'x_rate_limited' }, 429)],
  ['429 of a gateway', 'identity_unavailable', () => new Response('<html>', { status: 429 })],
  ['400 slow_down', 'identity_unavailable', () => jsonResponse({ error: 'slow_down' }, 400)],
  ['400 invalid_client', 'configuration_invalid', () => jsonResponse({ error: 'invalid_client' }, 400)],
  [
    '401 invalid_client',
    'configuration_invalid',
    () => jsonResponse({ error: 'invalid_client' }, 401, { 'www-authenticate': 'Basic' }),
  ],
  ['400 invalid_request', 'configuration_invalid', () => jsonResponse({ error: 'invalid_request' }, 400)],
  ['400 unauthorized_client', 'configuration_invalid', () => jsonResponse({ error: 'unauthorized_client' }, 400)],
  [
    "a captive portal's page",
    'response_invalid',
    () => new Response('<html>invalid_grant', { headers: { 'content-type': 'text/html' } }),
  ],
  ["a captive portal's page with 403", 'response_invalid', () => new Response('<html>invalid_grant', { status: 403 })],
  [
    "a captive portal's redirect",
    'network_unavailable',
    () => new Response(null, { status: 302, headers: { location: 'https://portal.test' } }),
  ],
  [
    'an opaque redirect',
    'network_unavailable',
    () => Object.defineProperties(Response.error(), { type: { value: 'opaqueredirect' } }),
  ],
  [
    'a followed redirect',
    'network_unavailable',
    () =>
      Object.defineProperties(jsonResponse({ error: 'invalid_grant' }, 400), {
        url: { value: 'https://portal.test/' },
      }),
  ],
  ['400 without a body', 'response_invalid', () => new Response(null, { status: 400 })],
  ['401 without a body', 'response_invalid', () => new Response(null, { status: 401 })],
  ['404 with a foreign error', 'configuration_invalid', () => jsonResponse({ error: 'not_found' }, 404)],
  ['200 invalid_grant', 'response_invalid', () => jsonResponse({ error: 'invalid_grant' })],
  ['200 null', 'response_invalid', () => jsonResponse(null)],
  [
    'tokens that are no JSON',
    'response_invalid',
    () => new Response('access_token=a', { headers: { 'content-type': 'text/plain' } }),
  ],
  ['tokens without a type', 'response_invalid', () => jsonResponse({ access_token: 'a', expires_in: 1800 })],
  ['tokens of another type', 'response_invalid', () => jsonResponse({ access_token: 'a', token_type: 'mac' })],
  ['tokens that are bound to a key', 'response_invalid', () => jsonResponse({ access_token: 'a', token_type: 'DPoP' })],
  ['a token with a line break', 'response_invalid', () => jsonResponse({ access_token: 'a\nb', token_type: 'bearer' })],
  [
    "another user's ID token",
    'response_invalid',
    () =>
      jsonResponse({
        access_token: 'a',
        token_type: 'bearer',
        id_token: idToken({ iss: issuer, aud: clientId, sub: 'bob', iat: 1, exp: 2 }),
      }),
  ],
  [
    "another client's ID token",
    'response_invalid',
    () =>
      jsonResponse({
        access_token: 'a',
        token_type: 'bearer',
        id_token: idToken({ iss: issuer, aud: 'other', sub: 'alice', iat: 1, exp: 2 }),
      }),
  ],
] as const;

test.each(failures)('a refresh that ends with %s rejects with %s and keeps the session', async (_, code, respond) => {
  const { login, signIn, provider, advance, changes } = createTestLogin();
  await signIn();
  advance(halfAnHourMs);
  provider.on('/token', respond);
  const error = await failureOf(login.refreshAccessTokenIfNeeded());

  expect(error).toMatchObject({ code, remediation: expect.any(String) });
  expect(error.message).not.toMatch(/refresh-|access-/);
  expect(await failureOf(login.getAppToken({ forceRefresh: true, signal }) as Promise<unknown>)).toMatchObject({
    code,
  });
  expect(changes.at(-1)).toBe('AUTHENTICATED AUTHENTICATED');

  advance(120_000);
  provider.on('/token', undefined);
  await login.refreshAccessTokenIfNeeded();
  expect(login.accessToken).toBe('access-2');
});

test.each([
  [
    '400 invalid_grant',
    () => jsonResponse({ error: 'invalid_grant', error_description: 'invalid refresh token' }, 400),
  ],
  ['400 invalid_grant as text', () => new Response('{"error":"invalid_grant"}', { status: 400 })],
  ['401 invalid_grant', () => jsonResponse({ error: 'invalid_grant' }, 401, { 'www-authenticate': 'Bearer' })],
  [
    "InvalidGrant of Authgear's own API",
    () => jsonResponse({ error: { name: 'Forbidden', reason: 'InvalidGrant', message: '' } }, 403),
  ],
])('a refresh that ends with %s resolves, and ends the session as INVALID', async (_, respond) => {
  const { login, signIn, provider, advance, changes } = createTestLogin();
  await signIn();
  advance(halfAnHourMs);
  provider.on('/token', respond);
  await login.refreshAccessTokenIfNeeded();

  expect(login.accessToken).toBeUndefined();
  expect(login.user).toBeUndefined();
  expect(changes.at(-1)).toBe('NO_SESSION INVALID');
});

test('a rate limit says after how many seconds a call may succeed', async () => {
  const { login, signIn, provider, advance } = createTestLogin();
  await signIn();
  advance(halfAnHourMs);
  provider.on('/token', () => jsonResponse({ error: 'x_rate_limited' }, 429, { 'retry-after': '30' }));

  expect(await failureOf(login.refreshAccessTokenIfNeeded())).toMatchObject({ retryAfterSeconds: 30, status: 429 });
});

test.each([-7200, 7200])(
  'a refresh succeeds although the clock of the device is wrong by %d seconds',
  async (seconds) => {
    const { login, signIn, provider, stepTime, advance } = createTestLogin();
    await signIn();
    provider.withClaims({ exp: Math.floor(Date.now() / 1000) + 300 });
    stepTime(seconds * 1000);
    advance(halfAnHourMs);
    await login.refreshAccessTokenIfNeeded();

    expect(login.accessToken).toBe('access-2');
    advance(halfAnHourMs);
    await login.refreshAccessTokenIfNeeded();
    expect(login.accessToken).toBe('access-3');
  },
);

test('a page that moved its token endpoint is found again after a response that is no longer one of a provider', async () => {
  const metadata = { token_endpoint: `${issuer}/token` };
  const { login, signIn, provider, advance } = createTestLogin({}, metadata);
  await signIn();
  provider.on('/token', () => new Response('gone', { status: 404 }));
  advance(halfAnHourMs);
  expect(await failureOf(login.refreshAccessTokenIfNeeded())).toMatchObject({ code: 'response_invalid' });
  provider.on('/moved', () => jsonResponse({ access_token: 'moved', token_type: 'bearer' }));
  Object.assign(metadata, { token_endpoint: `${issuer}/moved` });
  provider.on('/.well-known/openid-configuration', () => jsonResponse({ issuer, ...metadata }));
  await login.refreshAccessTokenIfNeeded();

  expect(login.accessToken).toBe('moved');
});

test('a sign-in whose token response fails begins no session, and its callback cannot be used again', async () => {
  const { login, provider } = createTestLogin();
  const callback = provider.signIn(await login.authorize());
  provider.on('/token', () => {
    throw new TypeError('offline');
  });
  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'network_unavailable' });
  provider.on('/token', undefined);

  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
  expect(login.sessionState).toBe('NO_SESSION');
});

test('a code that the provider refuses rejects with callback_refused', async () => {
  const { login, provider } = createTestLogin();
  const callback = provider.signIn(await login.authorize());
  provider.on('/token', () => jsonResponse({ error: 'invalid_grant' }, 400));

  expect(await failureOf(login.finishAuthorization(callback))).toMatchObject({ code: 'callback_refused' });
});

test('logout revokes the refresh token, erases the session and returns the URL that ends the session of the provider', async () => {
  const storage = memoryStorage();
  const { login, signIn, provider } = createTestLogin({ storage });
  await signIn();
  const url = new URL((await login.logout({ redirectUri: 'https://app.example/bye' })) ?? '');

  expect(url.origin + url.pathname).toBe(`${issuer}/logout`);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: clientId,
    post_logout_redirect_uri: 'https://app.example/bye',
  });
  await expect.poll(() => provider.calls('/revoke')).toBe(1);
  const { form, init } = provider.requests.find(({ path }) => path === '/revoke') ?? {};
  expect(Object.fromEntries(form ?? [])).toEqual({ token: 'refresh-1', client_id: clientId });
  expect(init).toMatchObject({ keepalive: true, credentials: 'omit' });
  const next = createTestLogin({ storage });
  await next.login.configure();
  expect(next.login.sessionState).toBe('NO_SESSION');
});

test('logout erases the session at once without a connection, and returns no URL if none is known', async () => {
  const { login, signIn, provider, changes } = createTestLogin();
  await signIn();
  for (const path of ['/revoke', '/.well-known/openid-configuration']) {
    provider.on(path, () => {
      throw new TypeError('offline');
    });
  }
  const logout = login.logout();
  expect(login.sessionState).toBe('NO_SESSION');
  await logout;

  expect(changes.at(-1)).toBe('NO_SESSION LOGOUT');
  const { login: offline } = createTestLogin({ fetch: () => Promise.reject(new TypeError('offline')) });
  expect(await offline.logout()).toBeUndefined();
});

test.each([
  ['none', undefined],
  ['one without encryption', 'http://id.example/logout'],
  ['a script', 'javascript:alert(1)'],
])('logout returns no URL if the provider has %s to end its session', async (_, endpoint) => {
  const { login, signIn } = createTestLogin({}, { end_session_endpoint: endpoint });
  await signIn();

  expect(await login.logout()).toBeUndefined();
});

test('logout rejects an unknown option with invalid_request, and keeps the session', async () => {
  const { login, signIn } = createTestLogin();
  await signIn();

  expect(await failureOf(login.logout({ redirectURI: redirectUri } as never))).toMatchObject({
    code: 'invalid_request',
  });
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('a sign-out during a refresh wins: the session never returns, and its new tokens are revoked', async () => {
  const storage = memoryStorage();
  const { login, signIn, provider, advance, changes } = createTestLogin({ storage });
  await signIn();
  advance(halfAnHourMs);
  const held = Promise.withResolvers<Response>();
  provider.on('/token', () => held.promise);
  const refresh = failureOf(login.refreshAccessTokenIfNeeded());
  await expect.poll(() => provider.calls('/token')).toBe(2);
  await login.logout();
  held.resolve(jsonResponse({ access_token: 'late', refresh_token: 'late-refresh', token_type: 'bearer' }));

  expect(await refresh).toMatchObject({ code: 'aborted' });
  await expect.poll(() => provider.requests.at(-1)?.form.get('token')).toBe('late-refresh');
  expect(login.accessToken).toBeUndefined();
  expect(changes.at(-1)).toBe('NO_SESSION LOGOUT');
  const next = createTestLogin({ storage });
  await next.login.configure();
  expect(next.login.sessionState).toBe('NO_SESSION');
});

test('accessToken is undefined after a sign-out, in whatever order the steps of a call and of the sign-out come', async () => {
  for (let turns = 0; turns < 40; turns += 1) {
    const { login, signIn } = createTestLogin();
    await signIn();
    await login.refreshAccessTokenIfNeeded();
    expect(login.accessToken).toBe('access-1');
    const refresh = login.refreshAccessTokenIfNeeded().catch(() => undefined);
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    const end = login.clearSessionState();
    expect(login.accessToken).toBeUndefined();
    await Promise.all([refresh, end]);

    expect(login.accessToken).toBeUndefined();
  }
});

test('tokens of a refresh are revoked if another tab ended the session meanwhile', async () => {
  const storage = memoryStorage();
  const first = createTestLogin({ storage });
  await first.signIn();
  await first.login.clearSessionState();
  await first.signIn();
  const second = createTestLogin({ storage });
  await second.login.configure();
  first.advance(halfAnHourMs);
  const held = Promise.withResolvers<Response>();
  first.provider.on('/token', () => held.promise);
  const refresh = first.login.refreshAccessTokenIfNeeded();
  await expect.poll(() => first.provider.calls('/token')).toBe(3);
  await second.login.clearSessionState();
  held.resolve(jsonResponse({ access_token: 'late', refresh_token: 'late-refresh', token_type: 'bearer' }));
  await refresh;

  await expect.poll(() => first.provider.requests.at(-1)?.form.get('token')).toBe('late-refresh');
  expect(first.login.sessionState).toBe('NO_SESSION');
});

test('clearSessionState sends no request, even for tokens of a refresh that was under way', async () => {
  const { login, signIn, provider, advance, changes } = createTestLogin();
  await signIn();
  advance(halfAnHourMs);
  const held = Promise.withResolvers<Response>();
  provider.on('/token', () => held.promise);
  const refresh = failureOf(login.refreshAccessTokenIfNeeded());
  await expect.poll(() => provider.calls('/token')).toBe(2);
  await login.clearSessionState();
  held.resolve(jsonResponse({ access_token: 'late', refresh_token: 'late-refresh', token_type: 'bearer' }));
  await refresh;

  expect(changes.at(-1)).toBe('NO_SESSION CLEAR');
  expect(provider.calls('/revoke')).toBe(0);
});

test('fetchUserInfo resolves with the claims of the provider', async () => {
  const { login, signIn } = createTestLogin();
  await signIn();

  expect(await login.fetchUserInfo()).toEqual({ sub: 'alice', email: 'alice@example.com' });
});

test('fetchUserInfo rejects with signed_out and sends nothing if no user is signed in', async () => {
  const { login, provider } = createTestLogin();

  expect(await failureOf(login.fetchUserInfo())).toMatchObject({ code: 'signed_out' });
  expect(provider.requests).toEqual([]);
});

test.each([
  ['an empty body', () => new Response(null, { status: 401 })],
  [
    'invalid_grant',
    () => jsonResponse({ error: 'invalid_grant' }, 401, { 'www-authenticate': 'Bearer error="invalid_grant"' }),
  ],
  ['a page', () => new Response('<html>', { status: 401 })],
])('fetchUserInfo ends a session that was revoked, if the provider responds with 401 and %s', async (_, respond) => {
  const { login, signIn, provider, changes } = createTestLogin();
  await signIn();
  provider.live.refresh = 'revoked';
  provider.on('/userinfo', respond);

  expect(await failureOf(login.fetchUserInfo())).toMatchObject({ code: 'signed_out' });
  expect(changes.at(-1)).toBe('NO_SESSION INVALID');
});

test('fetchUserInfo refreshes an access token that ended early', async () => {
  const { login, signIn, provider } = createTestLogin();
  await signIn();
  provider.live.access = 'another';

  expect(await login.fetchUserInfo()).toMatchObject({ sub: 'alice' });
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test.each([
  ['401 for a new access token', 'invalid_token', () => new Response(null, { status: 401 })],
  ['403', 'forbidden', () => jsonResponse({ error: 'insufficient_scope' }, 403)],
  ['500', 'identity_unavailable', () => new Response(null, { status: 500 })],
  [
    'a network failure',
    'network_unavailable',
    () => {
      throw new TypeError('offline');
    },
  ],
  ['the claims of another user', 'response_invalid', () => jsonResponse({ sub: 'bob' })],
  ['no subject', 'response_invalid', () => jsonResponse({})],
  ['a page', 'response_invalid', () => new Response('<html>')],
])('fetchUserInfo that ends with %s rejects with %s and keeps the session', async (_, code, respond) => {
  const { login, signIn, provider } = createTestLogin();
  await signIn();
  provider.on('/userinfo', respond);

  expect(await failureOf(login.fetchUserInfo())).toMatchObject({ code });
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('the claims of a user are never delivered after a sign-out', async () => {
  const { login, signIn, provider } = createTestLogin();
  await signIn();
  const held = Promise.withResolvers<Response>();
  provider.on('/userinfo', () => held.promise);
  const userInfo = failureOf(login.fetchUserInfo());
  await expect.poll(() => provider.calls('/userinfo')).toBe(1);
  await login.clearSessionState();
  held.resolve(jsonResponse({ sub: 'alice' }));

  expect(await userInfo).toMatchObject({ code: 'aborted' });
});

test('getAppToken is the getAppToken of a client, refreshes a refused token and returns null after a revocation', async () => {
  const { login, signIn, provider } = createTestLogin();
  await signIn();
  const seen: (string | undefined)[] = [];
  const broker = await startFakeBroker(({ headers }) => {
    seen.push(headers.authorization);
    return headers.authorization === 'Bearer access-2'
      ? issued('nudge', { token: 't' })
      : problem(401, 'invalid_token');
  });
  const { getAppToken } = login;
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken });

  expect(await valet.issue('nudge')).toMatchObject({ token: 't' });
  expect(seen).toEqual(['Bearer access-1', 'Bearer access-2']);
  await getAppToken({ forceRefresh: true, signal });
  provider.live.refresh = 'revoked';
  expect(await failureOf(valet.issue('nudge'))).toMatchObject({ code: 'signed_out' });
  expect(login.sessionStateReason).toBe('INVALID');
  expect(await getAppToken({ forceRefresh: false, signal })).toBeNull();
});

test('getAppToken throws without a connection, so that a client never takes a failure for a sign-out', async () => {
  const { login, signIn, provider, advance } = createTestLogin();
  await signIn();
  advance(halfAnHourMs);
  provider.on('/token', () => {
    throw new TypeError('offline');
  });

  await expect(login.getAppToken({ forceRefresh: false, signal })).rejects.toMatchObject({
    code: 'network_unavailable',
  });
  const broker = await startFakeBroker(() => issued('nudge', { token: 't' }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: login.getAppToken });
  expect(await failureOf(valet.issue('nudge'))).toMatchObject({ code: 'app_token_unavailable' });
});

test('getAppToken refreshes a refused token after a restart of the app', async () => {
  const storage = memoryStorage();
  const first = createTestLogin({ storage });
  await first.signIn();
  const { login } = createTestLogin({ storage, fetch: first.provider.fetch });

  expect(await login.getAppToken({ forceRefresh: true, signal })).toBe('access-2');
});

test('no token is in a property of a login, in its URLs or in its errors', async () => {
  const { login, signIn, provider, advance } = createTestLogin();
  await signIn();
  await login.refreshAccessTokenIfNeeded();
  expect(login.accessToken).toBe('access-1');
  expect(JSON.stringify(login) + inspect(login, { getters: true })).not.toContain('access-1');
  advance(halfAnHourMs);
  provider.on('/token', () => jsonResponse({ error: 'invalid_request', error_description: 'refresh-1 access-1' }, 400));
  const error = await failureOf(login.refreshAccessTokenIfNeeded());

  expect(JSON.stringify(login) + JSON.stringify(error) + error.message + String(error.cause)).not.toMatch(
    /(access|refresh)-1/,
  );
  expect(provider.requests.map(({ url }) => url).join(' ')).not.toMatch(/(access|refresh)-1/);
});
