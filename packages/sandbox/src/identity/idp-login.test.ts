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

const configure = () =>
  discovery(new URL(sandbox.urls.idp), 'app', undefined, None(), { execute: [allowInsecureRequests] });

/** Opens the login page as a browser does, and returns the URL of the app that the page redirects to. */
async function visit(url: URL): Promise<URL> {
  const response = await fetch(url, { redirect: 'manual' });
  return new URL(response.headers.get('location') ?? '');
}

test('openid-client signs a user in at the identity provider, which accepts each code once', async () => {
  const configuration = await configure();
  const [verifier, state, nonce] = [randomPKCECodeVerifier(), randomState(), randomNonce()];
  const callback = await visit(
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

test('the identity provider refuses a login without PKCE, a wrong verifier and a redirect URI that is no URL', async () => {
  const configuration = await configure();
  const page = (parameters: Record<string, string>) => buildAuthorizationUrl(configuration, parameters);
  const refused = await visit(page({ redirect_uri: redirectUri }));
  expect(refused.searchParams.get('error')).toBe('invalid_request');
  expect(refused.searchParams.get('code')).toBeNull();

  const challenge = await calculatePKCECodeChallenge(randomPKCECodeVerifier());
  const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };
  const callback = await visit(page({ redirect_uri: redirectUri, ...pkce }));
  const wrong = authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: randomPKCECodeVerifier() });
  await expect(wrong).rejects.toMatchObject({ error: 'invalid_grant' });

  expect((await fetch(page({ redirect_uri: 'nowhere', ...pkce }), { redirect: 'manual' })).status).toBe(400);
});
