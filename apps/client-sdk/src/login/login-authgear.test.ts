import { createSandbox, sandboxCredentials, type SandboxOptions } from '@valetkey/sandbox';
import { expect, onTestFinished, test } from 'vitest';
import { createValetClient } from '../client/client.ts';
import { memoryStorage } from '../storage/memory-storage.ts';
import { redirectUri } from '../testing/fake-provider.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createLogin } from './login.ts';
import type { LoginOptions } from './login-types.ts';

const { clientId } = sandboxCredentials.authgear;
const { signal } = new AbortController();
const tokenLifeMs = 1_800_000;

/** Starts a simulated Authgear, and a login at it on the same virtual clock. */
async function startAuthgear(authgear: SandboxOptions['authgear'] = {}, options: Partial<LoginOptions> = {}) {
  const time = createVirtualClock(Date.now());
  const { clock } = time;
  const { nowMs } = clock;
  const sandbox = await createSandbox({ authgear, clock: { nowMs, monotonicMs: clock.monotonicMs ?? nowMs } });
  onTestFinished(() => sandbox.close());
  const endpoint = sandbox.urls.authgear;
  const changes: string[] = [];
  const storage = memoryStorage();
  const open = () =>
    createLogin({
      clientId,
      endpoint,
      redirectUri,
      scopes: ['openid', 'offline_access'],
      storage,
      allowedOrigins: [sandbox.origin],
      clock,
      onSessionStateChange: (state, reason) => changes.push(`${state} ${reason}`),
      ...options,
    });
  const login = open();
  /** Signs in on Authgear's page, which a route of the sandbox replaces. */
  const signInAs = async (sub: string) => {
    const { searchParams } = new URL(await login.authorize());
    const response = await fetch(`${endpoint}/dev-code`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        sub,
        redirect_uri: redirectUri,
        code_challenge: searchParams.get('code_challenge'),
        nonce: searchParams.get('nonce'),
        scope: searchParams.get('scope'),
      }),
    });
    const { code } = (await response.json()) as { code: string };
    const state = searchParams.get('state') ?? '';
    return login.finishAuthorization(`${redirectUri}?${new URLSearchParams({ code, state })}`);
  };
  const calls = (route: string) => sandbox.calls().authgear?.[route as never] ?? 0;
  /** Authgear's resolver stands for the server of the app: it says whose token a request carries. */
  const serverUrl = `${endpoint}/_resolver/resolve`;
  return { ...time, sandbox, endpoint, login, open, signInAs, changes, calls, serverUrl };
}

test('Authgear: "The SDK must be properly configured before use by calling configure. No network call will be triggered during configure."', async () => {
  const { login, sandbox, changes } = await startAuthgear();
  expect(login.sessionState).toBe('UNKNOWN');
  await login.configure();

  expect(changes).toEqual(['NO_SESSION NO_TOKEN']);
  expect(sandbox.calls().authgear).toEqual({});
});

test('Authgear: "value can be NO_SESSION or AUTHENTICATED. After authgear.configure, it only reflect SDK local state."', async () => {
  const { signInAs, open, sandbox, endpoint } = await startAuthgear();
  const { user } = await signInAs('alice');
  sandbox.authgear.revokeSessions('alice');
  sandbox.resetCalls();
  const reopened = open();
  await reopened.configure();

  expect(user).toEqual({ issuer: endpoint, subject: 'alice' });
  expect(reopened.sessionState).toBe('AUTHENTICATED');
  expect(sandbox.calls().authgear).toEqual({});
});

test('Authgear: "the session state is cached locally and only updated after each server call."', async () => {
  const { login, signInAs, sandbox, changes } = await startAuthgear();
  await signInAs('alice');
  sandbox.authgear.revokeSessions('alice');
  expect(login.sessionState).toBe('AUTHENTICATED');
  await login.fetchUserInfo().catch(() => undefined);

  expect(login.sessionState).toBe('NO_SESSION');
  expect(changes.slice(1)).toEqual(['AUTHENTICATED AUTHENTICATED', 'NO_SESSION INVALID']);
});

test('Authgear: "Usually right after login/signup via authorize, You will call fetchUserInfo as soon as possible with authgear.sessionState became AUTHENTICATED"', async () => {
  const { login, signInAs } = await startAuthgear();
  await signInAs('alice');

  expect(login.sessionState).toBe('AUTHENTICATED');
  expect(await login.fetchUserInfo()).toMatchObject({
    sub: 'alice',
    'https://authgear.com/claims/user/is_verified': true,
  });
});

test('Authgear: "sessionState is now up to date; it will change to NO_SESSION if the session is invalid"', async () => {
  const { login, signInAs, sandbox } = await startAuthgear();
  await signInAs('alice');
  sandbox.authgear.disableUser('alice');

  expect(await failureOf(login.fetchUserInfo())).toMatchObject({ code: 'signed_out' });
  expect([login.sessionState, login.sessionStateReason]).toEqual(['NO_SESSION', 'INVALID']);
});

test('Authgear: "The fetch function will include Authorization header in your application request, and handle refresh access token automatically."', async () => {
  const { login, signInAs, advance, calls, serverUrl } = await startAuthgear({ rotateRefreshTokens: true });
  await signInAs('alice');
  for (let count = 0; count < 3; count += 1) {
    const response = await login.fetch(serverUrl);
    expect(response.headers.get('x-authgear-user-id')).toBe('alice');
    advance(tokenLifeMs);
  }

  expect(calls('POST /oauth2/token')).toBe(3);
});

test('Authgear: "authgear.fetch implement fetch", with the same arguments and responses', async () => {
  const { login, signInAs, endpoint } = await startAuthgear();
  await signInAs('alice');
  const response = await login.fetch(new Request(`${endpoint}/oauth2/userinfo`, { method: 'POST' }));

  expect(response).toBeInstanceOf(Response);
  expect(await response.json()).toMatchObject({ sub: 'alice' });
});

test('Authgear: "Access token is also short lived and need to be regularly rotated by Refresh token for security purpose."', async () => {
  const { login, signInAs, advance } = await startAuthgear({ rotateRefreshTokens: true });
  await signInAs('alice');
  const tokens = new Set<string | undefined>();
  for (let count = 0; count < 5; count += 1) {
    await login.refreshAccessTokenIfNeeded();
    tokens.add(login.accessToken);
    advance(tokenLifeMs);
  }

  expect(tokens.size).toBe(5);
});

test('Authgear: "Call refreshAccessTokenIfNeeded every time before using the access token, the function will check and make the network call only if the access token has expired."', async () => {
  const { login, signInAs, advance, calls } = await startAuthgear();
  await signInAs('alice');
  for (let count = 0; count < 10; count += 1) await login.refreshAccessTokenIfNeeded();
  expect(calls('POST /oauth2/token')).toBe(1);

  advance(tokenLifeMs);
  await Promise.all(Array.from({ length: 10 }, () => login.refreshAccessTokenIfNeeded()));
  expect(calls('POST /oauth2/token')).toBe(2);
});

test('Authgear: "accessToken can be string or undefined. it will be empty if user is not logged in or session is invalid"', async () => {
  const { login, signInAs, sandbox, advance } = await startAuthgear();
  await login.refreshAccessTokenIfNeeded();
  expect(login.accessToken).toBeUndefined();
  await signInAs('alice');
  await login.refreshAccessTokenIfNeeded();
  expect(login.accessToken).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);

  sandbox.authgear.revokeSessions('alice');
  advance(tokenLifeMs);
  await login.refreshAccessTokenIfNeeded();
  expect(login.accessToken).toBeUndefined();
  expect(login.sessionState).toBe('NO_SESSION');
});

test('Authgear: "include Authorization header in your application request", with the access token of the login', async () => {
  const { login, signInAs, serverUrl } = await startAuthgear();
  await signInAs('alice');
  await login.refreshAccessTokenIfNeeded();
  const response = await fetch(serverUrl, { headers: { Authorization: `Bearer ${login.accessToken}` } });

  expect(response.headers.get('x-authgear-user-id')).toBe('alice');
});

test('Authgear: "failed to refresh access token; the refresh token maybe expired or revoked" is no error, but NO_SESSION', async () => {
  const { login, signInAs, advance } = await startAuthgear();
  await signInAs('alice');
  advance(31 * 86_400_000);
  await login.refreshAccessTokenIfNeeded();

  expect([login.sessionState, login.sessionStateReason]).toEqual(['NO_SESSION', 'INVALID']);
});

test('Authgear: "If the session is revoked from the management portal, the client will call your Backend API with an invalid access token."', async () => {
  const { login, signInAs, sandbox, serverUrl } = await startAuthgear();
  await signInAs('alice');
  await login.refreshAccessTokenIfNeeded();
  sandbox.authgear.revokeSessions('alice');
  const response = await login.fetch(serverUrl);

  expect(response.headers.get('x-authgear-session-valid')).not.toBe('true');
  expect(login.sessionState).toBe('AUTHENTICATED');
});

test('Authgear: "if you want to clear the session state locally, call clearSessionState; authgear.sessionState will become NO_SESSION after calling"', async () => {
  const { login, signInAs, sandbox, endpoint, calls } = await startAuthgear();
  await signInAs('alice');
  sandbox.authgear.disableUser('alice');

  /** The example of Authgear's page. */
  async function fetchAppServer() {
    const response = await login.fetch(`${endpoint}/oauth2/userinfo`);
    if (response.status === 401) {
      await login.clearSessionState();
      throw new Error('user session invalid');
    }
  }
  await expect(fetchAppServer()).rejects.toThrow('user session invalid');
  expect(login.sessionState).toBe('NO_SESSION');
  expect(calls('POST /oauth2/revoke')).toBe(0);
});

test('logout at Authgear revokes the session, so that a copy of the refresh token is worth nothing', async () => {
  const { login, signInAs, calls, endpoint } = await startAuthgear();
  await signInAs('alice');
  await login.refreshAccessTokenIfNeeded();
  const token = login.accessToken;
  expect(await login.logout({ redirectUri: 'https://app.example/bye' })).toContain(`${endpoint}/oauth2/end_session?`);
  await expect.poll(() => calls('POST /oauth2/revoke')).toBe(1);

  const headers = { authorization: `Bearer ${token}` };
  await expect.poll(async () => (await fetch(`${endpoint}/oauth2/userinfo`, { headers })).status).toBe(401);
});

test('two tabs at Authgear with strict rotation both stay signed in', async () => {
  const { login, open, signInAs, advance, calls, serverUrl } = await startAuthgear({ rotateRefreshTokens: true });
  await signInAs('alice');
  const other = open();
  await other.configure();
  for (let count = 0; count < 3; count += 1) {
    advance(tokenLifeMs);
    const responses = await Promise.all([login.fetch(serverUrl), other.fetch(serverUrl)]);
    expect(responses.map(({ headers }) => headers.get('x-authgear-user-id'))).toEqual(['alice', 'alice']);
  }

  expect(calls('POST /oauth2/token')).toBe(4);
});

test.each([
  ['identity_unavailable', { type: 'status', status: 503 }],
  ['identity_unavailable', { type: 'rate-limit' }],
  ['network_unavailable', { type: 'reset' }],
  ['network_unavailable', { type: 'truncated' }],
  ['network_unavailable', { type: 'redirect', location: 'https://portal.test/sign-in' }],
  ['response_invalid', { type: 'malformed' }],
  ['response_invalid', { type: 'empty' }],
  ['response_invalid', { type: 'status', status: 400, body: 'invalid_grant' }],
  ['response_invalid', { type: 'wrong-user' }],
] as const)(
  'a refresh at Authgear rejects with %s for the fault %j, and the user stays signed in',
  async (code, fault) => {
    const { login, signInAs, sandbox, advance } = await startAuthgear();
    await signInAs('alice');
    advance(tokenLifeMs);
    sandbox.setFaults([{ vendor: 'authgear', route: 'POST /oauth2/token', fault }]);
    expect(await failureOf(login.refreshAccessTokenIfNeeded())).toMatchObject({ code });
    expect(await failureOf(login.fetchUserInfo())).toMatchObject({ code });
    await expect(login.getAppToken({ forceRefresh: false, signal })).rejects.toMatchObject({ code });
    sandbox.setFaults([]);
    advance(120_000);
    await login.refreshAccessTokenIfNeeded();

    expect(login.accessToken).toBeDefined();
    expect(login.sessionState).toBe('AUTHENTICATED');
  },
);

test("Authgear's invalid_client (HTTP 400) is an error of the configuration, not a sign-out", async () => {
  const { login, signInAs } = await startAuthgear({ clientIds: ['another'] });

  expect(await failureOf(signInAs('alice'))).toMatchObject({ code: 'configuration_invalid', status: 400 });
  expect(login.sessionState).toBe('NO_SESSION');
});

test('the access token of a login at Authgear is an app token of the client', async () => {
  const { login, signInAs } = await startAuthgear();
  await signInAs('alice');
  const sent: (string | null)[] = [];
  const valet = createValetClient({
    brokerUrl: 'https://valet.example',
    getAppToken: login.getAppToken,
    fetch: async (_url, init) => {
      sent.push(new Headers(init?.headers).get('authorization'));
      return Response.json(
        { issuer: 'i', subject: 's', scopes: [], vendors: {}, server_time: '2026-11-20T10:00:00Z' },
        { headers: { 'valet-key': 'broker' } },
      );
    },
  });
  await valet.session();

  expect(sent).toEqual([`Bearer ${login.accessToken}`]);
});

test('the scopes at an endpoint of Authgear are those of its SDK', async () => {
  const { login } = await startAuthgear({}, { scopes: undefined });

  expect(new URL(await login.authorize()).searchParams.get('scope')).toBe(
    'openid offline_access https://authgear.com/scopes/full-access',
  );
});
