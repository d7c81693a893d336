import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createSandbox, sandboxCredentials, type Sandbox } from '../../index.ts';
import { createManualClock, type ManualClock } from '../../testing/manual-clock.ts';
import { changeState } from '../../testing/sandbox-requests.ts';
import { postForm, postJson, request, text } from '../../testing/request.ts';

const apiKey = { 'x-vital-api-key': sandboxCredentials.vital.apiKey };

let clock: ManualClock;
let sandbox: Sandbox;
beforeEach(async () => {
  clock = createManualClock();
  sandbox = await createSandbox({ clock });
});
afterEach(() => sandbox.close());

const createUser = (clientUserId: unknown, headers: Readonly<Record<string, string>> = apiKey) =>
  postJson(`${sandbox.urls.vital}/v2/user`, { client_user_id: clientUserId }, headers);
const call = (method: string, path: string, headers: Readonly<Record<string, string>> = apiKey) =>
  request(`${sandbox.urls.vital}${path}`, { method, headers });
async function userToken(userId: string): Promise<string> {
  const outer = text(await call('POST', `/v2/user/${userId}/sign_in_token`), 'sign_in_token');
  const inner = z.strictObject({ public_key: z.string(), user_token: z.string() });
  return inner.parse(JSON.parse(Buffer.from(outer, 'base64').toString())).user_token;
}
const exchange = (token: string, tokenType = 'urn:junction:sign-in-token') =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: tokenType,
    subject_token: token,
  });
const patch = (userId: string, fields: Readonly<Record<string, unknown>>) =>
  request(`${sandbox.urls.vital}/v2/user/${userId}`, {
    method: 'PATCH',
    headers: { ...apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(fields),
  });
const refresh = (token: string) =>
  postForm(`${sandbox.urls.vitalAuth}/v1/token`, { grant_type: 'refresh_token', refresh_token: token });

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

test('Vital refuses wrong API keys and keys of another region or environment', async () => {
  for (const key of ['', 'wrong', apiKey['x-vital-api-key'].replace('sk_', 'pk_')]) {
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

test('Vital responds 422 to invalid requests and 404 to unknown users', async () => {
  for (const name of [undefined, 7, null]) {
    expect(await createUser(name)).toMatchObject({
      status: 422,
      fields: { detail: [{ loc: ['body', 'client_user_id'] }] },
    });
  }
  expect((await request(`${sandbox.urls.vital}/v2/user`, { method: 'POST', body: '[', headers: apiKey })).status).toBe(
    422,
  );
  expect((await call('POST', '/v2/user/not-a-uuid/sign_in_token')).status).toBe(422);
  expect((await call('POST', `/v2/user/${crypto.randomUUID()}/sign_in_token`)).status).toBe(404);
  expect((await call('GET', '/v2/user/resolve/nobody')).status).toBe(404);
});

test('Vital resolves a client user id with any characters', async () => {
  const name = 'https://issuer.example|alice/é 1';
  const created = await createUser(name);
  const resolved = await call('GET', `/v2/user/resolve/${encodeURIComponent(name)}`);
  expect(resolved.fields).toEqual(created.fields);
});

test('Vital issues sign-in tokens in the form that the mobile SDKs parse', async () => {
  const userId = text(await createUser('alice'), 'user_id');
  const token = await userToken(userId);
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'RS256', typ: 'JWT' });
  expect(decodeJwt(token)).toMatchObject({
    iss: 'id-signer-stg-us@vital-id-stg-us.iam.gserviceaccount.com',
    uid: userId,
    tenant_id: expect.any(String),
    claims: { vital_team_id: expect.any(String) },
  });
  expect(await userToken(userId)).not.toBe(token);
});

test('Vital exchanges a sign-in token once and refreshes the session of the app', async () => {
  const userId = text(await createUser('alice'), 'user_id');
  const token = await userToken(userId);
  const outcomes = await Promise.all([exchange(token), exchange(token), exchange(token)]);
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual([200, 400, 400]);
  expect(outcomes.find(({ status }) => status === 400)?.fields).toEqual({ detail: { error_type: 'invalid_token' } });
  const session = outcomes.find(({ status }) => status === 200) ?? outcomes[0];
  expect(session.fields).toMatchObject({ expires_in: 3600, token_type: 'Bearer' });

  const authorization = `Bearer ${text(session, 'access_token')}`;
  expect((await call('GET', `/v2/user/${userId}`, { authorization })).fields['client_user_id']).toBe('alice');
  const other = text(await createUser('bob'), 'user_id');
  expect((await call('GET', `/v2/user/${other}`, { authorization })).status).toBe(401);

  const next = await refresh(text(session, 'refresh_token'));
  expect(next.status).toBe(200);
  const reauthenticate = { status: 400, fields: { detail: { error_type: 'reauthentication_required' } } };
  expect(await refresh(text(session, 'refresh_token'))).toMatchObject(reauthenticate);
  sandbox.vital.revokeSessions(userId);
  expect(await refresh(text(next, 'refresh_token'))).toMatchObject(reauthenticate);
});

test('Vital refuses sign-in tokens that are expired, forged, of a deleted user or of another type', async () => {
  const userId = text(await createUser('alice'), 'user_id');
  const late = await userToken(userId);
  clock.advanceSeconds(3601);
  const invalid = { status: 400, fields: { detail: { error_type: 'invalid_token' } } };
  expect(await exchange(late)).toMatchObject(invalid);
  const token = await userToken(userId);
  expect(await exchange(`${token.slice(0, -8)}AAAAAAAA`)).toMatchObject(invalid);
  for (const tokenType of ['', 'urn:ietf:params:oauth:token-type:jwt']) {
    expect(await exchange(token, tokenType)).toMatchObject({
      status: 400,
      fields: { detail: { error_type: 'invalid_request' } },
    });
  }
  const session = await exchange(await userToken(userId));
  sandbox.vital.deleteUser(userId);
  expect(await exchange(token)).toMatchObject(invalid);
  expect(await refresh(text(session, 'refresh_token'))).toMatchObject(invalid);
  expect((await postJson(`${sandbox.urls.vitalAuth}/v1/token`, {})).status).toBe(400);
});

test('Vital undoes a deletion within seven days', async () => {
  const userId = text(await createUser('alice'), 'user_id');
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
  expect(text(await createUser('alice'), 'user_id')).not.toBe(userId);
});

test('Vital does not undo a deletion if another user has the client user id', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  sandbox.vital.deleteUser(userId);
  const { userId: heir } = sandbox.vital.createUser('alice');
  expect((await call('POST', `/v2/user/undo_delete?user_id=${userId}`)).status).toBe(404);
  expect((await call('GET', `/v2/user/${userId}`)).status).toBe(404);
  expect((await call('GET', '/v2/user/resolve/alice')).fields['user_id']).toBe(heir);
  sandbox.vital.deleteUser(heir);
  expect((await call('POST', `/v2/user/undo_delete?user_id=${userId}`)).status).toBe(200);
});

test('Vital stores the settings of a user on creation and on change', async () => {
  const created = await postJson(
    `${sandbox.urls.vital}/v2/user`,
    { client_user_id: 'alice', fallback_time_zone: 'Europe/Paris', ingestion_start: '2026-01-01', ingestion_end: null },
    apiKey,
  );
  const userId = text(created, 'user_id');
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
  'Vital responds 422 to a %s that is not text, and changes nothing',
  async (name) => {
    const { userId } = sandbox.vital.createUser('alice');
    const location = { detail: [{ loc: ['body', name], msg: 'Input should be a valid string', type: 'string_type' }] };
    for (const value of [7, false, {}, ['x']]) {
      const fields = { client_user_id: 'bob', [name]: value };
      expect(await patch(userId, fields)).toMatchObject({ status: 422, fields: location });
      expect(await postJson(`${sandbox.urls.vital}/v2/user`, fields, apiKey)).toMatchObject({
        status: 422,
        fields: location,
      });
    }
    expect(sandbox.vital.users()).toMatchObject([{ clientUserId: 'alice' }]);
  },
);

test('Vital refuses to rename a user to a client user id that is taken', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  sandbox.vital.createUser('bob');
  expect(() => sandbox.vital.createUser('bob')).toThrow('exists already');
  const rename = (name: string) => patch(userId, { client_user_id: name });
  expect((await rename('bob')).status).toBe(400);
  expect((await rename('carol')).status).toBe(204);
  expect((await call('GET', '/v2/user/resolve/alice')).status).toBe(404);
  expect((await call('GET', '/v2/user/resolve/carol')).fields['user_id']).toBe(userId);
});

test('Vital refuses to create more users than the team may have', async () => {
  await using small = await createSandbox({ vital: { maxUsers: 1 } });
  const create = (name: string) => postJson(`${small.urls.vital}/v2/user`, { client_user_id: name }, apiKey);
  expect((await create('alice')).status).toBe(200);
  expect((await create('bob')).status).toBe(400);
});

test('POST /_state sets the API keys of Vital, revokes sessions, and disables and enables users', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const next = 'sk_us_next';
  const signIn = (key: string) => call('POST', `/v2/user/${userId}/sign_in_token`, { 'x-vital-api-key': key });
  await changeState(sandbox, { vital: { setApiKeys: [next] } });
  expect((await signIn(apiKey['x-vital-api-key'])).status).toBe(401);
  const exchangeNew = async () => {
    const signInToken = Buffer.from(text(await signIn(next), 'sign_in_token'), 'base64').toString();
    return exchange(String(/"user_token":"([^"]+)"/.exec(signInToken)?.[1]));
  };
  const session = await exchangeNew();
  await changeState(sandbox, { vital: { revokeSessions: userId } });
  expect((await refresh(text(session, 'refresh_token'))).fields).toEqual({
    detail: { error_type: 'reauthentication_required' },
  });
  const second = await exchangeNew();
  await changeState(sandbox, { vital: { disableUser: userId } });
  const invalid = { detail: { error_type: 'invalid_token' } };
  const refused = [await exchangeNew(), await refresh(text(second, 'refresh_token'))];
  expect(refused.map(({ fields }) => fields)).toEqual([invalid, invalid]);
  await changeState(sandbox, { vital: { enableUser: userId } });
  expect((await exchangeNew()).status).toBe(200);
});

test('after POST /_state rotates Vital’s keys, older sign-in tokens stay valid until the old keys are withdrawn', async () => {
  const { userId } = sandbox.vital.createUser('alice');
  const [first, second] = [await userToken(userId), await userToken(userId)];
  await changeState(sandbox, { keys: { rotate: ['vital'] } });
  expect((await exchange(first)).status).toBe(200);
  await changeState(sandbox, { keys: { withdraw: ['vital'] } });
  expect((await exchange(second)).status).toBe(400);
  expect((await exchange(await userToken(userId))).status).toBe(200);
});
