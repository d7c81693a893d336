import { createRequire } from 'node:module';
import type { WebContainer } from '@authgear/web';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';

const tokensSchema = z.object({ access_token: z.string(), refresh_token: z.string() });
const { clientId } = sandboxCredentials.authgear;

let sandbox: Sandbox;
let storage: Map<string, string>;
let location: { href: string };

beforeEach(async () => {
  sandbox = await createSandbox();
  storage = new Map();
  location = { href: 'http://localhost/app' };
  vi.stubGlobal('window', {
    fetch,
    crypto,
    location,
    localStorage: {
      getItem: (key: string) => storage.get(key) ?? null,
      setItem: (key: string, value: string) => storage.set(key, value),
      removeItem: (key: string) => storage.delete(key),
    },
  });
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await sandbox.close();
});

async function startDevSession(sub: string) {
  const response = await fetch(`${sandbox.urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sub }),
  });
  return tokensSchema.parse(await response.json());
}

/** Loads the CommonJS form of the SDK, because its ES module form needs a bundler. */
async function createContainer(): Promise<WebContainer> {
  const sdk: { WebContainer: new () => WebContainer } = createRequire(import.meta.url)('@authgear/web');
  const container = new sdk.WebContainer();
  await container.configure({ clientID: clientId, endpoint: sandbox.urls.authgear });
  return container;
}

test('@authgear/web refreshes a session, reads its user and ends it', async () => {
  const { refresh_token: refreshToken } = await startDevSession('alice');
  storage.set('authgear_default_refreshToken', refreshToken);
  const container = await createContainer();
  expect(container.sessionState).toBe('AUTHENTICATED');
  expect(sandbox.calls().authgear).toEqual({ 'POST /dev-session': 1 });

  await container.refreshAccessTokenIfNeeded();
  expect(container.accessToken).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  const resolved = await container.fetch(`${sandbox.urls.authgear}/_resolver/resolve`);
  expect(resolved.headers.get('x-authgear-user-id')).toBe('alice');
  const userInfo = await container.fetchUserInfo();
  expect(userInfo).toMatchObject({ sub: 'alice', isVerified: true, isAnonymous: false });

  await container.logout({ redirectURI: 'http://localhost/signed-out', force: false });
  expect(container.sessionState).toBe('NO_SESSION');
  expect(sandbox.calls().authgear).toMatchObject({ 'POST /oauth2/token': 1, 'POST /oauth2/revoke': 1 });

  storage.set('authgear_default_refreshToken', refreshToken);
  const again = await createContainer();
  await again.refreshAccessTokenIfNeeded();
  expect(again.accessToken).toBeUndefined();
  expect(again.sessionState).toBe('NO_SESSION');
});

test('@authgear/web rejects with invalid_grant after Authgear revoked the session', async () => {
  storage.set('authgear_default_refreshToken', (await startDevSession('alice')).refresh_token);
  const container = await createContainer();
  await container.refreshAccessTokenIfNeeded();
  sandbox.authgear.revokeSessions('alice');
  await expect(container.fetchUserInfo()).rejects.toMatchObject({ error: 'invalid_grant' });
  expect(container.sessionState).toBe('NO_SESSION');
});

test('@authgear/web signs in by the code grant with PKCE', async () => {
  const container = await createContainer();
  const redirectURI = 'http://localhost/callback';
  await container.startAuthentication({ redirectURI, state: 'state-1' });
  const authorization = new URL(location.href);
  expect(authorization.href.startsWith(`${sandbox.urls.authgear}/oauth2/authorize`)).toBe(true);

  const response = await fetch(`${sandbox.urls.authgear}/dev-code`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      sub: 'alice',
      redirect_uri: redirectURI,
      code_challenge: authorization.searchParams.get('code_challenge'),
    }),
  });
  const { code } = z.object({ code: z.string() }).parse(await response.json());
  location.href = `${redirectURI}?${new URLSearchParams({ code, state: 'state-1' })}`;
  const { userInfo } = await container.finishAuthentication();
  expect(userInfo.sub).toBe('alice');
  expect(container.sessionState).toBe('AUTHENTICATED');
});
