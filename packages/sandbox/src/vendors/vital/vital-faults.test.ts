import { decodeJwt } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, type Sandbox, type SandboxVendor } from '../../index.ts';
import { failRoute } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField, type ReadResponse } from '../../testing/request.ts';

const wrongUserId = '00000000-0000-4000-8000-00000000bad0';
const headers = { 'x-vital-api-key': sandboxCredentials.vital.apiKey };

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(() => sandbox.close());

const mixUpUsers = (vendor: SandboxVendor) => sandbox.setFaults([{ vendor, fault: { type: 'wrong-user' } }]);
const clearFaults = () => sandbox.setFaults([]);
const subjectOf = (response: ReadResponse, field = 'access_token') => decodeJwt(textField(response, field)).sub;

const createUser = 'POST /v2/user';
const signInWithCustomToken = 'POST /identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken';
const lookup = 'POST /identitytoolkit.googleapis.com/v1/accounts:lookup';
const secureToken = 'POST /securetoken.googleapis.com/v1/token';
const google = (code: number, message: string, status: string) => ({
  error: { code, message, status, errors: [{ message, domain: 'global', reason: 'invalid' }] },
});

test.each<[SandboxVendor, string, number, unknown]>([
  ['vital', createUser, 400, { detail: { error_type: 'INVALID_REQUEST', error_message: expect.any(String) } }],
  ['vital', createUser, 422, { detail: [{ loc: ['body'], msg: 'Field required', type: 'missing' }] }],
  ['vital', createUser, 401, { detail: 'Invalid API key' }],
  ['vital', createUser, 404, { detail: 'User not found' }],
  ['vital', createUser, 429, { detail: 'Too many requests' }],
  ['vital', createUser, 500, { detail: 'Internal Server Error' }],
  ['vital', createUser, 503, { detail: 'Error' }],
  ['vital-auth', 'POST /v1/token', 400, { detail: { error_type: 'invalid_token' } }],
  ['vital-auth', 'POST /v1/token', 401, { detail: { error_type: 'invalid_token' } }],
  ['vital-auth', 'POST /v1/token', 429, { detail: { error_type: 'invalid_request' } }],
  ['vital-auth', 'POST /v1/token', 500, { detail: { error_type: 'internal_error' } }],
  ['vital-auth', signInWithCustomToken, 400, google(400, 'INVALID_CUSTOM_TOKEN', 'INVALID_ARGUMENT')],
  ['vital-auth', signInWithCustomToken, 401, google(401, 'INVALID_CUSTOM_TOKEN', 'UNAUTHENTICATED')],
  ['vital-auth', lookup, 400, google(400, 'INVALID_ID_TOKEN', 'INVALID_ARGUMENT')],
  ['vital-auth', secureToken, 400, google(400, 'INVALID_REFRESH_TOKEN', 'INVALID_ARGUMENT')],
  ['vital-auth', secureToken, 401, google(401, 'TOKEN_EXPIRED', 'UNAUTHENTICATED')],
  ['vital-auth', secureToken, 429, google(429, 'RESOURCE_EXHAUSTED', 'RESOURCE_EXHAUSTED')],
  ['vital-auth', secureToken, 503, google(503, 'UNAVAILABLE', 'UNAVAILABLE')],
  ['vital-auth', secureToken, 418, google(418, 'UNKNOWN', 'UNKNOWN')],
])(
  'a fault of %s at %s with status %i responds with the body that the vendor sends with this status',
  async (vendor, route, status, body) => {
    const response = await failRoute(sandbox, vendor, route, status);
    expect([response.status, response.fields]).toEqual([status, body]);
  },
);

test('a fault of Google’s hosts also affects their paths at the root of the sandbox', async () => {
  sandbox.setFaults([{ vendor: 'vital-auth', fault: { type: 'status', status: 400 } }]);
  const response = await request(`${sandbox.origin}/securetoken.googleapis.com/v1/token`, { method: 'POST' });
  expect(response.fields).toEqual(google(400, 'INVALID_REFRESH_TOKEN', 'INVALID_ARGUMENT'));
});

/** Returns the user token, a JWT, inside the sign-in token of a response. */
function userTokenOf(signIn: ReadResponse): string {
  const signInToken: unknown = JSON.parse(Buffer.from(textField(signIn, 'sign_in_token'), 'base64').toString());
  return z.object({ user_token: z.string() }).parse(signInToken).user_token;
}

async function issueUserToken(userId: string): Promise<string> {
  return userTokenOf(await postJson(`${sandbox.urls.vital}/v2/user/${userId}/sign_in_token`, {}, headers));
}

function exchange(userToken: string): Promise<ReadResponse> {
  return postForm(`${sandbox.urls.vitalAuth}/v1/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:junction:sign-in-token',
    subject_token: userToken,
  });
}

function refresh(refreshToken: string): Promise<ReadResponse> {
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken };
  return postForm(`${sandbox.urls.vitalAuth}/v1/token`, form);
}

test('with wrong-user, every response of Vital about a user is about a different user', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  sandbox.vital.createUser('bob');
  const users = `${sandbox.urls.vital}/v2/user`;
  mixUpUsers('vital');
  const wrongUser = { user_id: wrongUserId, client_user_id: 'wrong-user' };
  expect((await postJson(users, { client_user_id: 'carol' }, headers)).fields).toMatchObject(wrongUser);
  const conflict = { status: 400, fields: { detail: { user_id: wrongUserId } } };
  expect(await postJson(users, { client_user_id: 'alice' }, headers)).toMatchObject(conflict);
  expect((await request(`${users}/resolve/alice`, { headers })).fields).toMatchObject(wrongUser);
  expect((await request(`${users}/${userId}`, { headers })).fields).toMatchObject(wrongUser);
  const signIn = await postJson(`${users}/${userId}/sign_in_token`, {}, headers);
  expect(textField(signIn, 'user_id')).toBe(wrongUserId);
  expect(decodeJwt(userTokenOf(signIn))['uid']).toBe(wrongUserId);
  const changed = await request(`${users}/${userId}`, {
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ client_user_id: 'bob' }),
  });
  expect(changed).toMatchObject(conflict);
  clearFaults();
  // The wrong user exists at Vital, and the wrong user token signs that user in.
  expect((await exchange(userTokenOf(signIn))).status).toBe(200);
  expect((await request(`${users}/${wrongUserId}`, { headers })).fields).toMatchObject(wrongUser);
});

test('with wrong-user, Vital’s auth host issues both tokens of an exchange and of a refresh to a different user', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const own = await exchange(await issueUserToken(userId));
  mixUpUsers('vital-auth');
  const wrong = await exchange(await issueUserToken(userId));
  expect(subjectOf(wrong)).toBe(wrongUserId);
  const refreshed = await refresh(textField(own, 'refresh_token'));
  expect(subjectOf(refreshed)).toBe(wrongUserId);
  clearFaults();
  expect(subjectOf(await refresh(textField(wrong, 'refresh_token')))).toBe(wrongUserId);
  expect(subjectOf(await refresh(textField(refreshed, 'refresh_token')))).toBe(wrongUserId);
});

test('with wrong-user, the sign-in, lookup and refresh of Google’s hosts are about a different user', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const userToken = await issueUserToken(userId);
  const key = 'sandbox-only-vital-public-key';
  const identity = `${sandbox.origin}/identitytoolkit.googleapis.com/v1`;
  const signIn = () =>
    postJson(`${identity}/accounts:signInWithCustomToken?key=${key}`, {
      token: userToken,
      tenantId: 'sandbox-tenant-us',
      returnSecureToken: true,
    });
  const own = await signIn();
  mixUpUsers('vital-auth');
  expect(subjectOf(await signIn(), 'idToken')).toBe(wrongUserId);
  const found = await postJson(`${identity}/accounts:lookup?key=${key}`, { idToken: textField(own, 'idToken') });
  expect(found.fields['users']).toMatchObject([{ localId: wrongUserId }]);
  const refreshed = await postForm(`${sandbox.origin}/securetoken.googleapis.com/v1/token?key=${key}`, {
    grant_type: 'refresh_token',
    refresh_token: textField(own, 'refreshToken'),
  });
  expect(textField(refreshed, 'user_id')).toBe(wrongUserId);
  expect([subjectOf(refreshed), subjectOf(refreshed, 'id_token')]).toEqual([wrongUserId, wrongUserId]);
});
