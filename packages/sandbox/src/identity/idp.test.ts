import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { allowInsecureRequests, discovery } from 'openid-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, type Sandbox } from '../index.ts';
import { changeState, failRoute } from '../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField, type ReadResponse } from '../testing/request.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const devToken = (body: unknown) => postJson(`${sandbox.urls.idp}/dev-token`, body);
const publishedKeys = () => createRemoteJWKSet(new URL(`${sandbox.urls.idp}/jwks`));
const verify = (token: string) => jwtVerify(token, publishedKeys());
const subjectOf = (response: ReadResponse, field = 'access_token') => decodeJwt(textField(response, field)).sub;

test('the identity provider mints access tokens of a user, over HTTP and in code', async () => {
  const { fields } = await devToken({ sub: 'alice' });
  expect(fields).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 3600 });
  const jwks = publishedKeys();
  const rules = { issuer: sandbox.urls.idp, audience: 'valetkey', typ: 'at+jwt' };
  const { payload } = await jwtVerify(String(fields['access_token']), jwks, rules);
  expect(payload).toMatchObject({
    sub: 'alice',
    client_id: expect.any(String),
    jti: expect.any(String),
    scope: 'openid',
  });

  for (const algorithm of ['ES256', 'EdDSA'] as const) {
    const token = await sandbox.mintUserToken({ sub: 'bob', algorithm, claims: { plan: 'gold' } });
    expect((await jwtVerify(token, jwks, rules)).payload).toMatchObject({ sub: 'bob', plan: 'gold' });
    expect(decodeProtectedHeader(token).alg).toBe(algorithm);
  }
  const wrong = await sandbox.mintUserToken({ sub: 'eve', expires_in: -5, issuer: 'https://evil.example', typ: 'JWT' });
  const { iss, iat = 0, exp = 0 } = decodeJwt(wrong);
  expect(iss).toBe('https://evil.example');
  expect(iat).toBeLessThan(exp);
  await expect(jwtVerify(wrong, jwks)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
});

test.each([['{"sub":"alice","admin":true}'], ['{}'], ['not json'], ['[]'], ['{"sub":"alice","algorithm":"none"}']])(
  'the identity provider refuses the dev token request %s',
  async (body) => {
    const headers = { 'content-type': 'application/json' };
    expect((await request(`${sandbox.urls.idp}/dev-token`, { method: 'POST', headers, body })).status).toBe(400);
  },
);

test('mintUserToken rejects an unknown field by its name', async () => {
  await expect(sandbox.mintUserToken(JSON.parse('{"sub":"alice","admin":true}'))).rejects.toThrow('admin');
});

test('the identity provider requires a content type that a web page of another origin cannot send', async () => {
  const response = await request(`${sandbox.urls.idp}/dev-token`, { method: 'POST', body: '{"sub":"alice"}' });
  expect(response.status).toBe(415);
});

test('the identity provider rotates and withdraws its keys, in code and over HTTP', async () => {
  const before = await sandbox.mintUserToken({ sub: 'alice' });
  await sandbox.rotateKeys('idp');
  const after = await sandbox.mintUserToken({ sub: 'alice' });
  expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
  await expect(verify(before)).resolves.toBeDefined();
  const devKeys = await postJson(`${sandbox.urls.idp}/dev-keys`, { action: 'withdraw' });
  expect(devKeys.status).toBe(200);
  await expect(verify(before)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  await expect(verify(after)).resolves.toBeDefined();
  await sandbox.rotateKeys('idp');
  await sandbox.withdrawKeys('idp');
  await expect(verify(after)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
});

test('POST /_state rotates the signing keys of the identity provider', async () => {
  const kid = async () => decodeProtectedHeader(await sandbox.mintUserToken({ sub: 'alice' })).kid;
  const before = await kid();
  expect(await kid()).toBe(before);
  await changeState(sandbox, { keys: { rotate: ['idp'] } });
  expect(await kid()).not.toBe(before);
});

test('openid-client discovers the identity provider', async () => {
  const execute = [allowInsecureRequests];
  const configuration = await discovery(new URL(sandbox.urls.idp), 'app', undefined, undefined, { execute });
  expect(configuration.serverMetadata()).toMatchObject({
    issuer: sandbox.urls.idp,
    jwks_uri: `${sandbox.urls.idp}/jwks`,
  });
});

test.each<[string, number, unknown]>([
  ['GET /userinfo', 401, { error: 'invalid_token' }],
  ['POST /token', 400, { error: 'invalid_grant' }],
  ['GET /jwks', 401, { error: 'invalid_request' }],
  ['GET /jwks', 500, { error: 'server_error' }],
])(
  'a fault of the identity provider at %s with status %i sends the error of that route',
  async (route, status, body) => {
    const response = await failRoute(sandbox, 'idp', route, status);
    expect([response.status, response.fields]).toEqual([status, body]);
  },
);

test('a fault of the identity provider’s userinfo with 401 also sends the error in a header', async () => {
  const { headers } = await failRoute(sandbox, 'idp', 'GET /userinfo', 401);
  expect(headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
});

async function obtainCode(): Promise<string> {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'app',
    redirect_uri: 'https://app.example.com/',
    login_hint: 'alice',
    // The challenge of an empty verifier.
    code_challenge: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    code_challenge_method: 'S256',
  });
  const page = await request(`${sandbox.urls.idp}/authorize?${query}`);
  return new URL(page.headers.get('location') ?? '').searchParams.get('code') ?? '';
}

function redeem(code: string): Promise<ReadResponse> {
  return postForm(`${sandbox.urls.idp}/token`, {
    grant_type: 'authorization_code',
    client_id: 'app',
    redirect_uri: 'https://app.example.com/',
    code_verifier: '',
    code,
  });
}

test('with wrong-user, the dev token, login page, code and userinfo of the identity provider are about a different user', async () => {
  const own = await devToken({ sub: 'alice' });
  const ownCode = await obtainCode();
  sandbox.setFaults([{ vendor: 'idp', fault: { type: 'wrong-user' } }]);
  expect(subjectOf(await devToken({ sub: 'alice' }))).toBe('wrong-user');
  const headers = { authorization: `Bearer ${textField(own, 'access_token')}` };
  expect((await request(`${sandbox.urls.idp}/userinfo`, { headers })).fields).toEqual({ sub: 'wrong-user' });
  const redeemed = await redeem(ownCode);
  expect([subjectOf(redeemed), subjectOf(redeemed, 'id_token')]).toEqual(['wrong-user', 'wrong-user']);
  const wrongCode = await obtainCode();
  sandbox.setFaults([]);
  expect(subjectOf(await redeem(wrongCode))).toBe('wrong-user');
});
