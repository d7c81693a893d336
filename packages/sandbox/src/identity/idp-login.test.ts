import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  discovery,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../index.ts';

const redirectUri = 'https://app.example.com/callback';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(() => sandbox.close());

const discoverProvider = () =>
  discovery(new URL(sandbox.urls.idp), 'app', undefined, None(), { execute: [allowInsecureRequests] });

/** Requests the login page, and returns the URL to which the page redirects. */
async function followLogin(url: URL): Promise<URL> {
  const response = await fetch(url, { redirect: 'manual' });
  return new URL(response.headers.get('location') ?? '');
}

test('openid-client signs a user in at the identity provider, which accepts each code once', async () => {
  const configuration = await discoverProvider();
  const [verifier, state, nonce] = [randomPKCECodeVerifier(), randomState(), randomNonce()];
  const callback = await followLogin(
    buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: 'openid',
      login_hint: 'bob',
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }),
  );
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  const tokens = await authorizationCodeGrant(configuration, callback, checks);
  expect(tokens.claims()).toMatchObject({ iss: sandbox.urls.idp, aud: 'app', sub: 'bob', nonce });
  expect(await fetchUserInfo(configuration, tokens.access_token, 'bob')).toEqual({ sub: 'bob' });

  const again = authorizationCodeGrant(configuration, callback, checks);
  await expect(again).rejects.toMatchObject({ status: 400, error: 'invalid_grant' });
});

const buildLoginUrl = async (parameters: Record<string, string>) =>
  buildAuthorizationUrl(await discoverProvider(), parameters);
const createPkceParameters = async () => ({
  code_challenge: await calculatePKCECodeChallenge(randomPKCECodeVerifier()),
  code_challenge_method: 'S256',
});

test('the identity provider refuses a login without PKCE with invalid_request, and issues no code', async () => {
  const { searchParams } = await followLogin(await buildLoginUrl({ redirect_uri: redirectUri }));
  expect(searchParams.get('error')).toBe('invalid_request');
  expect(searchParams.get('code')).toBeNull();
});

test('the identity provider refuses a code with the wrong PKCE verifier', async () => {
  const callback = await followLogin(
    await buildLoginUrl({ redirect_uri: redirectUri, ...(await createPkceParameters()) }),
  );
  const wrong = authorizationCodeGrant(await discoverProvider(), callback, {
    pkceCodeVerifier: randomPKCECodeVerifier(),
  });
  await expect(wrong).rejects.toMatchObject({ error: 'invalid_grant' });
});

test('the identity provider responds 400 to a login whose redirect URI is not a URL', async () => {
  const url = await buildLoginUrl({ redirect_uri: 'nowhere', ...(await createPkceParameters()) });
  expect((await fetch(url, { redirect: 'manual' })).status).toBe(400);
});
