import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { createVirtualClock, type VirtualClock } from '../../testing/virtual-clock.ts';
import { changeState } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, textField } from '../../testing/request.ts';

const { apiKey } = sandboxCredentials.vital;
const keyHeaders = { 'x-vital-api-key': apiKey };

let clock: VirtualClock;
let sandbox: Sandbox;
beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = await createSandbox({ clock });
});
afterEach(() => sandbox.close());

const createUser = (clientUserId: unknown, headers: Readonly<Record<string, string>> = keyHeaders) =>
  postJson(`${sandbox.urls.vital}/v2/user`, { client_user_id: clientUserId }, headers);
const call = (method: string, path: string, headers: Readonly<Record<string, string>> = keyHeaders) =>
  request(`${sandbox.urls.vital}${path}`, { method, headers });
const requestSignInToken = (userId: string, key: string = apiKey) =>
  call('POST', `/v2/user/${userId}/sign_in_token`, { 'x-vital-api-key': key });
const signInTokenSchema = z.strictObject({ public_key: z.string(), user_token: z.string() });
/** Requests a sign-in token and returns the user token inside it, a JWT. */
async function issueUserToken(userId: string, key: string = apiKey): Promise<string> {
  const signInToken = textField(await requestSignInToken(userId, key), 'sign_in_token');
  return signInTokenSchema.parse(JSON.parse(Buffer.from(signInToken, 'base64').toString())).user_token;
}
const exchange = (userToken: string, tokenType = 'urn:junction:sign-in-token') =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: tokenType,
    subject_token: userToken,
  });
const patch = (userId: string, fields: Readonly<Record<string, unknown>>) =>
  request(`${sandbox.urls.vital}/v2/user/${userId}`, {
    method: 'PATCH',
    headers: { ...keyHeaders, 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
const refresh = (refreshToken: string) =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, { grant_type: 'refresh_token', refresh_token: refreshToken });

const invalidToken = { status: 400, fields: { detail: { error_type: 'invalid_token' } } };
const reauthenticationRequired = { status: 400, fields: { detail: { error_type: 'reauthentication_required' } } };

test('Vital creates one user when a hundred concurrent requests name the same client user id', async () => {
  const responses = await Promise.all(Array.from({ length: 100 }, () => createUser('alice')));
  const created = responses.filter(({ status }) => status === 200);
  expect(created).toHaveLength(1);
  expect(sandbox.vital.users()).toHaveLength(1);
  const userId = sandbox.vital.users()[0]?.userId;
  for (const response of responses.filter(({ status }) => status !== 200)) {
    expect([response.status, response.fields]).toEqual([
      400,
      {
        detail: {
          error_type: 'INVALID_REQUEST',
          error_message: 'Client user id already exists.',
          user_id: userId,
          created_on: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
        },
      },
    ]);
  }
});

test('Vital refuses wrong API keys, and API keys of another region or environment', async () => {
  for (const key of ['', 'wrong', apiKey.replace('sk_', 'pk_')]) {
    expect((await createUser('eve', { 'x-vital-api-key': key })).status).toBe(401);
  }
  await using european = await createSandbox({
    vital: { region: 'eu', environment: 'production', apiKeys: ['pk_eu_1', 'sk_us_1'] },
  });
  const resolve = (key: string) =>
    request(`${european.urls.vital}/v2/user/resolve/eve`, { headers: { 'x-vital-api-key': key } });
  expect((await resolve('pk_eu_1')).status).toBe(404);
  expect((await resolve('sk_us_1')).status).toBe(401);
});

test('Vital responds 422 to an invalid request and 404 to a request for an unknown user', async () => {
  for (const clientUserId of [undefined, 7, null]) {
    expect(await createUser(clientUserId)).toMatchObject({
      status: 422,
      fields: { detail: [{ loc: ['body', 'client_user_id'] }] },
    });
  }
  expect(
    (await request(`${sandbox.urls.vital}/v2/user`, { method: 'POST', body: '[', headers: keyHeaders })).status,
  ).toBe(422);
  expect((await call('POST', '/v2/user/not-a-uuid/sign_in_token')).status).toBe(422);
  expect((await call('POST', `/v2/user/${crypto.randomUUID()}/sign_in_token`)).status).toBe(404);
  expect((await call('GET', '/v2/user/resolve/nobody')).status).toBe(404);
});

test('Vital resolves a client user id that contains any characters', async () => {
  const clientUserId = 'https://issuer.example|alice/é 1';
  const created = await createUser(clientUserId);
  const resolved = await call('GET', `/v2/user/resolve/${encodeURIComponent(clientUserId)}`);
  expect(resolved.fields).toEqual(created.fields);
});

test('Vital issues sign-in tokens whose user token has the form that the mobile SDKs parse', async () => {
  const userId = textField(await createUser('alice'), 'user_id');
  const userToken = await issueUserToken(userId);
  expect(decodeProtectedHeader(userToken)).toEqual({ alg: 'RS256', typ: 'JWT' });
  expect(decodeJwt(userToken)).toMatchObject({
    iss: 'id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com',
    uid: userId,
    tenant_id: expect.any(String),
    claims: { vital_team_id: expect.any(String) },
  });
  expect(await issueUserToken(userId)).not.toBe(userToken);
});

test('Vital exchanges a user token once, also if several requests send it at the same time', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const userToken = await issueUserToken(userId);
  const outcomes = await Promise.all([exchange(userToken), exchange(userToken), exchange(userToken)]);
  const [session, ...refusals] = outcomes.toSorted((one, other) => one.status - other.status);
  expect(session).toMatchObject({ status: 200, fields: { expires_in: 3600, token_type: 'Bearer' } });
  expect(refusals.map(({ status, fields }) => ({ status, fields }))).toEqual([invalidToken, invalidToken]);
});

test('an access token of an app reads only its own user at Vital', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const session = await exchange(await issueUserToken(userId));
  const authorization = `Bearer ${textField(session, 'access_token')}`;
  expect((await call('GET', `/v2/user/${userId}`, { authorization })).fields['client_user_id']).toBe('alice');
  const { userId: other } = sandbox.vital.createUser('bob');
  expect((await call('GET', `/v2/user/${other}`, { authorization })).status).toBe(401);
});

test('Vital accepts each refresh token once', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const session = await exchange(await issueUserToken(userId));
  const refreshed = await refresh(textField(session, 'refresh_token'));
  expect(refreshed.status).toBe(200);
  expect(await refresh(textField(session, 'refresh_token'))).toMatchObject(reauthenticationRequired);
  expect((await refresh(textField(refreshed, 'refresh_token'))).status).toBe(200);
});

test('Vital refuses to refresh a revoked session', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const session = await exchange(await issueUserToken(userId));
  sandbox.vital.revokeSessions(userId);
  expect(await refresh(textField(session, 'refresh_token'))).toMatchObject(reauthenticationRequired);
});

test('Vital refuses a user token that is expired, forged, sent with another token type, or issued for a deleted user', async () => {
  const userId = textField(await createUser('alice'), 'user_id');
  const expired = await issueUserToken(userId);
  clock.advanceSeconds(3601);
  expect(await exchange(expired)).toMatchObject(invalidToken);
  const userToken = await issueUserToken(userId);
  expect(await exchange(`${userToken.slice(0, -8)}AAAAAAAA`)).toMatchObject(invalidToken);
  for (const tokenType of ['', 'urn:ietf:params:oauth:token-type:jwt']) {
    expect(await exchange(userToken, tokenType)).toMatchObject({
      status: 400,
      fields: { detail: { error_type: 'invalid_request' } },
    });
  }
  const session = await exchange(await issueUserToken(userId));
  sandbox.vital.deleteUser(userId);
  expect(await exchange(userToken)).toMatchObject(invalidToken);
  expect(await refresh(textField(session, 'refresh_token'))).toMatchObject(invalidToken);
  expect((await postJson(`${sandbox.urls.vitalAuth}/v1/token`, {})).status).toBe(400);
});

test('Vital undoes the deletion of a user within seven days', async () => {
  const userId = textField(await createUser('alice'), 'user_id');
  const undo = (query: string) => call('POST', `/v2/user/undo_delete?${query}`);
  expect((await call('DELETE', `/v2/user/${userId}`)).fields).toEqual({ success: true });
  expect((await call('DELETE', `/v2/user/${userId}`)).status).toBe(404);
  expect((await undo(`user_id=${userId}`)).fields).toEqual({ success: true });
  expect((await call('GET', '/v2/user/resolve/alice')).fields['user_id']).toBe(userId);
  sandbox.vital.deleteUser(userId);
  expect((await undo('client_user_id=alice')).status).toBe(200);
  expect((await undo('')).status).toBe(422);
  sandbox.vital.deleteUser(userId);
  clock.advanceSeconds(7 * 86_400 + 1);
  expect((await undo(`user_id=${userId}`)).status).toBe(404);
  expect(textField(await createUser('alice'), 'user_id')).not.toBe(userId);
});

test('Vital does not undo the deletion of a user if another user has its client user id', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  sandbox.vital.deleteUser(userId);
  const { userId: newUserId } = sandbox.vital.createUser('alice');
  expect((await call('POST', `/v2/user/undo_delete?user_id=${userId}`)).status).toBe(404);
  expect((await call('GET', `/v2/user/${userId}`)).status).toBe(404);
  expect((await call('GET', '/v2/user/resolve/alice')).fields['user_id']).toBe(newUserId);
  sandbox.vital.deleteUser(newUserId);
  expect((await call('POST', `/v2/user/undo_delete?user_id=${userId}`)).status).toBe(200);
});

test('Vital stores the settings of a user when a request creates or changes the user', async () => {
  const created = await postJson(
    `${sandbox.urls.vital}/v2/user`,
    { client_user_id: 'alice', fallback_time_zone: 'Europe/Paris', ingestion_start: '2026-01-01', ingestion_end: null },
    keyHeaders,
  );
  const userId = textField(created, 'user_id');
  const before = { id: 'Europe/Paris', source_slug: 'manual', updated_at: expect.any(String) };
  expect(created.fields).toMatchObject({
    fallback_time_zone: before,
    fallback_birth_date: null,
    ingestion_start: '2026-01-01',
    ingestion_end: null,
  });
  const changes = { fallback_time_zone: 'Asia/Tokyo', fallback_birth_date: '1990-02-03', client_user_id: null };
  expect((await patch(userId, changes)).status).toBe(204);
  expect((await call('GET', `/v2/user/${userId}`)).fields).toMatchObject({
    client_user_id: 'alice',
    fallback_time_zone: { ...before, id: 'Asia/Tokyo' },
    fallback_birth_date: { value: '1990-02-03', source_slug: 'manual', updated_at: expect.any(String) },
    ingestion_start: '2026-01-01',
  });
});

test.each(['client_user_id', 'fallback_time_zone', 'fallback_birth_date', 'ingestion_start', 'ingestion_end'])(
  'Vital responds 422 to a %s that is a number, a boolean, an object or a list, and changes nothing',
  async (field) => {
    const { userId } = sandbox.vital.createUser('alice');
    const wrongType = {
      detail: [{ loc: ['body', field], msg: 'Input should be a valid string', type: 'string_type' }],
    };
    for (const value of [7, false, {}, ['x']]) {
      const fields = { client_user_id: 'bob', [field]: value };
      expect(await patch(userId, fields)).toMatchObject({ status: 422, fields: wrongType });
      expect(await postJson(`${sandbox.urls.vital}/v2/user`, fields, keyHeaders)).toMatchObject({
        status: 422,
        fields: wrongType,
      });
    }
    expect(sandbox.vital.users()).toMatchObject([{ clientUserId: 'alice' }]);
  },
);

test('Vital refuses to change a client user id to one that another user has', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  sandbox.vital.createUser('bob');
  expect(() => sandbox.vital.createUser('bob')).toThrow('exists already');
  const changeTo = (clientUserId: string) => patch(userId, { client_user_id: clientUserId });
  expect((await changeTo('bob')).status).toBe(400);
  expect((await changeTo('carol')).status).toBe(204);
  expect((await call('GET', '/v2/user/resolve/alice')).status).toBe(404);
  expect((await call('GET', '/v2/user/resolve/carol')).fields['user_id']).toBe(userId);
});

test('Vital refuses to create more users than `maxUsers`', async () => {
  await using small = await createSandbox({ vital: { maxUsers: 1 } });
  const create = (clientUserId: string) =>
    postJson(`${small.urls.vital}/v2/user`, { client_user_id: clientUserId }, keyHeaders);
  expect((await create('alice')).status).toBe(200);
  expect((await create('bob')).status).toBe(400);
});

test('POST /_state sets the API keys of Vital, revokes sessions, and disables and enables users', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const newKey = 'sk_us_next';
  await changeState(sandbox, { vital: { setApiKeys: [newKey] } });
  expect((await requestSignInToken(userId)).status).toBe(401);
  const signIn = async () => exchange(await issueUserToken(userId, newKey));
  const session = await signIn();
  await changeState(sandbox, { vital: { revokeSessions: userId } });
  expect(await refresh(textField(session, 'refresh_token'))).toMatchObject(reauthenticationRequired);
  const second = await signIn();
  await changeState(sandbox, { vital: { disableUser: userId } });
  expect(await signIn()).toMatchObject(invalidToken);
  expect(await refresh(textField(second, 'refresh_token'))).toMatchObject(invalidToken);
  await changeState(sandbox, { vital: { enableUser: userId } });
  expect((await signIn()).status).toBe(200);
});

test('after POST /_state rotates the signing keys of Vital, older user tokens stay valid until POST /_state withdraws the old keys', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const [first, second] = [await issueUserToken(userId), await issueUserToken(userId)];
  await changeState(sandbox, { keys: { rotate: ['vital'] } });
  expect((await exchange(first)).status).toBe(200);
  await changeState(sandbox, { keys: { withdraw: ['vital'] } });
  expect((await exchange(second)).status).toBe(400);
  expect((await exchange(await issueUserToken(userId))).status).toBe(200);
});
