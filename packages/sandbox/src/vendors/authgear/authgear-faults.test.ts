import { decodeJwt } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { failRoute } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField, type ReadResponse } from '../../testing/request.ts';

const { clientId } = sandboxCredentials.authgear;

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const mixUpUsers = () => sandbox.setFaults([{ vendor: 'authgear', fault: { type: 'wrong-user' } }]);
const clearFaults = () => sandbox.setFaults([]);
const fail = (route: string, status: number) => failRoute(sandbox, 'authgear', route, status);
const subjectOf = (response: ReadResponse, field = 'access_token') => decodeJwt(textField(response, field)).sub;

function refresh(refreshToken: string): Promise<ReadResponse> {
  return postForm(`${sandbox.urls.authgear}/oauth2/token`, {
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: refreshToken,
  });
}

function callWithTokenOf(session: ReadResponse, path: string, method = 'GET'): Promise<ReadResponse> {
  const headers = { authorization: `Bearer ${textField(session, 'access_token')}` };
  return request(`${sandbox.urls.authgear}${path}`, { method, headers });
}

const invalidSession = { error: 'invalid_grant', error_description: 'invalid session' };
const serverError = { error: 'server_error', error_description: 'internal server error' };
const appSession = { name: 'Forbidden', reason: 'InvalidGrant', message: 'invalid refresh token' };

test.each<[string, number, unknown]>([
  ['GET /oauth2/userinfo', 401, invalidSession],
  ['POST /oauth2/userinfo', 401, invalidSession],
  ['GET /oauth2/userinfo', 403, expect.objectContaining({ error: 'insufficient_scope' })],
  ['POST /oauth2/token', 400, { error: 'invalid_grant', error_description: 'invalid refresh token' }],
  ['POST /oauth2/token', 429, { error: 'x_rate_limited', error_description: 'rate limited' }],
  ['POST /oauth2/token', 500, serverError],
  ['GET /oauth2/jwks', 404, { error: 'invalid_request', error_description: 'invalid request' }],
  ['GET /oauth2/jwks', 401, { error: 'invalid_request', error_description: 'invalid request' }],
  ['POST /oauth2/app_session_token', 403, { error: appSession }],
  ['POST /oauth2/app_session_token', 500, { error: expect.objectContaining({ name: 'InternalError' }) }],
])('a fault of Authgear at %s with status %i sends the vendor’s body', async (route, status, body) => {
  const response = await fail(route, status);
  expect([response.status, response.fields]).toEqual([status, body]);
});

test('a fault of Authgear’s userinfo with 401 or 403 also sends the error in a header', async () => {
  const header = async (status: number) => (await fail('GET /oauth2/userinfo', status)).headers.get('www-authenticate');
  expect(await header(401)).toBe('Bearer error="invalid_grant", error_description="invalid session"');
  expect(await header(403)).toContain('error="insufficient_scope"');
});

test.each(['GET /_resolver/resolve', 'GET /resolve'])(
  'a fault of Authgear at %s with 500 sends plain text',
  async (route) => {
    const response = await fail(route, 500);
    expect(response).toMatchObject({ status: 500, text: 'internal error\n' });
    expect(response.headers.get('content-type')).toContain('text/plain');
  },
);

test.each(['jwt', 'opaque'] as const)(
  'with wrong-user and %s tokens, Authgear’s sessions, refreshes, userinfo and resolver are about a different user',
  async (accessTokens) => {
    await sandbox.close();
    sandbox = await createSandbox({ authgear: { accessTokens, rotateRefreshTokens: true } });
    const logIn = () => postJson(`${sandbox.urls.authgear}/dev-session`, { sub: 'alice', email: 'alice@example.com' });
    const own = await logIn();
    mixUpUsers();
    for (const method of ['GET', 'POST']) {
      const { fields } = await callWithTokenOf(own, '/oauth2/userinfo', method);
      expect([fields['sub'], fields['email']]).toEqual(['wrong-user', undefined]);
    }
    for (const method of ['GET', 'HEAD']) {
      for (const path of ['/_resolver/resolve', '/resolve']) {
        const { headers } = await callWithTokenOf(own, path, method);
        expect(headers.get('x-authgear-user-id')).toBe('wrong-user');
      }
    }
    const appSessionToken = await postJson(`${sandbox.urls.authgear}/oauth2/app_session_token`, {
      refresh_token: textField(own, 'refresh_token'),
    });
    expect(appSessionToken.text).toContain('app_session_token');
    expect(appSessionToken.text).not.toContain(textField(own, 'refresh_token').split('.', 1)[0]);
    const wrongResponses = [await logIn(), await refresh(textField(own, 'refresh_token'))];
    clearFaults();
    for (const response of wrongResponses) {
      expect(subjectOf(response, 'id_token')).toBe('wrong-user');
      // The new tokens belong to the other user at Authgear too.
      expect((await callWithTokenOf(response, '/oauth2/userinfo')).fields['sub']).toBe('wrong-user');
      expect(subjectOf(await refresh(textField(response, 'refresh_token')), 'id_token')).toBe('wrong-user');
    }
  },
);

test('with wrong-user, Authgear’s code grant signs a different user in', async () => {
  const redirectUri = 'app://callback';
  const codeOf = async () =>
    textField(
      await postJson(`${sandbox.urls.authgear}/dev-code`, {
        sub: 'alice',
        redirect_uri: redirectUri,
        // The challenge of an empty verifier.
        code_challenge: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
      }),
      'code',
    );
  const redeem = (code: string) =>
    postForm(`${sandbox.urls.authgear}/oauth2/token`, {
      grant_type: 'authorization_code',
      client_id: clientId,
      code,
      redirect_uri: redirectUri,
      code_verifier: '',
    });
  const own = await codeOf();
  mixUpUsers();
  const wrong = await codeOf();
  expect(subjectOf(await redeem(own))).toBe('wrong-user');
  clearFaults();
  expect(subjectOf(await redeem(wrong))).toBe('wrong-user');
});
