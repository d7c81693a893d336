import { createPrivateKey } from 'node:crypto';
import type { SampleJson, VendorSample } from '@valetkey/core-types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandbox, type RecipeSimulation, type Sandbox } from '../index.ts';
import { postForm, postJson, request, textField } from '../testing/request.ts';
import { changeState } from '../testing/sandbox-requests.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { simulateRecipe } from './simulate-recipe.ts';

const key = 'sandbox-only-acme-api-key';
const authorization = { authorization: [{ base64: ['acme:', { credential: 'apiKey' }] }] };
const userId = { variable: 'user.id' };
const respondWith = (body: SampleJson, status = 200) => ({ status, type: 'json' as const, body, unique: [] });

const acme: VendorSample = {
  id: 'acme',
  title: 'Acme',
  credentials: { apiKey: key, signingKey: { privateKey: 'p256' }, otherKey: { privateKey: 'p256' } },
  lifetimeSeconds: 900,
  failure: {
    paths: [['error', 'code'], ['error', 'hint'], ['trace']],
    known: [
      { status: 401, fields: { 'error.code': 'no_permission' } },
      { status: 404, fields: { 'error.code': 'no_room' } },
    ],
  },
  connection: { region: 'eu' },
  userFromClaim: false,
  parameters: {},
  requests: [
    {
      method: 'POST',
      path: [['v1'], ['rooms'], [{ variable: 'parameters.room' }], ['tokens']],
      query: { verbose: { literal: 1 } },
      headers: authorization,
      body: {
        type: 'json',
        value: {
          fields: {
            user: { text: [userId] },
            ttl: { text: [{ variable: 'life', unit: 'milliseconds' }] },
            label: { text: ['label ', { variable: 'parameters.label', optional: true }] },
            roles: { list: [{ literal: 'guest' }, { text: [{ variable: 'parameters.role', optional: true }] }] },
            limits: { fields: { calls: { text: [{ variable: 'parameters.calls', optional: true }] } } },
          },
        },
      },
      response: {
        status: 201,
        type: 'json',
        body: { tokens: [{ value: 'sample-token' }], expires_at: 1_795_800_000_000, ttl: 30, room: 'lobby' },
        unique: [['tokens', '0', 'value']],
        expiresAt: ['expires_at'],
        expiresIn: ['ttl'],
      },
    },
    {
      method: 'GET',
      path: [['v1'], ['users'], [userId]],
      query: {},
      headers: authorization,
      response: { ...respondWith({ user: { id: 'sample-user' } }), userId: ['user', 'id'] },
      user: 'find',
    },
    {
      method: 'POST',
      path: [['v1'], ['users']],
      query: {},
      headers: authorization,
      body: {
        type: 'form',
        value: { fields: { name: { text: [userId] }, tags: { list: [{ literal: 'app' }, { literal: 2 }] } } },
      },
      response: { ...respondWith({ id: 'sample-user' }), userId: ['id'] },
      user: 'create',
      conflict: { ...respondWith({ known: 'sample-user' }, 409), userId: ['known'] },
    },
    {
      method: 'GET',
      path: [['v1'], ['me']],
      query: {},
      headers: { 'x-key': [{ credential: 'apiKey' }], 'x-team': [{ variable: 'options.team', optional: true }] },
      response: { status: 200, type: 'text', body: 'sample', unique: [[]] },
    },
  ],
};

const clock = createVirtualClock();
const nowSeconds = () => Math.floor(clock.nowMs() / 1_000);
let sandbox: Sandbox<[RecipeSimulation]>;
beforeEach(async () => {
  sandbox = await createSandbox({ clock, simulations: [simulateRecipe(acme)] });
});
afterEach(() => sandbox.close());

const urlOf = (path: string) => `${sandbox.origin}/acme/v1/${path}`;
const headersWith = (value: string) => ({ authorization: Buffer.from(`acme:${value}`).toString('base64') });
const body = { user: 'alice', ttl: 60_000, roles: ['guest'] };
const mint = (changes: object = {}, headers = headersWith(key), path = 'rooms/lobby/tokens?verbose=1') =>
  postJson(urlOf(path), { ...body, ...changes }, headers);

test('a simulated recipe responds with a new token each time, which expires when the request asks for it', async () => {
  const [first, second] = [await mint(), await mint({ ttl: 5_000, label: 'label x', limits: { calls: 3 } })];
  expect([first.status, second.status]).toEqual([201, 201]);
  expect(first.fields).toEqual({
    tokens: [{ value: 'sample-token-1' }],
    expires_at: (nowSeconds() + 60) * 1_000,
    ttl: 60,
    room: 'lobby',
  });
  expect(second.fields).toMatchObject({ tokens: [{ value: 'sample-token-2' }], ttl: 5 });
});

test('a simulated recipe refuses a wrong and a missing credential with 401 in the form of the vendor', async () => {
  const wrong = await mint({}, headersWith('other'));
  const missing = await mint({}, { authorization: '' });
  const fields = { error: { code: 'status_401', hint: 'status_401' }, trace: 'status_401' };
  expect([wrong.status, wrong.fields, missing.status]).toEqual([401, fields, 401]);
  expect((await request(urlOf('me'))).status).toBe(401);
});

test.each([
  ['another field', { more: 1 }],
  ['a text of another form', { label: 'x' }],
  ['a missing field', { user: undefined }],
  ['another literal in a list', { roles: ['host'] }],
  ['a list that is too long', { roles: ['guest', 'host', 'admin'] }],
  ['a text in the place of a list', { roles: 'guest' }],
  ['a list in the place of an object', { limits: [] }],
])('a simulated recipe refuses a body with %s with 400', async (_, changes) => {
  expect(await mint(changes)).toMatchObject({ status: 400, fields: { error: { code: 'status_400' } } });
});

test('a simulated recipe refuses a body that is no JSON, another query, and a body where there is none', async () => {
  expect((await request(urlOf('rooms/a/tokens?verbose=1'), { method: 'POST', headers: headersWith(key) })).status).toBe(
    400,
  );
  expect((await mint({}, headersWith(key), 'rooms/a/tokens')).status).toBe(400);
  expect((await mint({}, headersWith(key), 'rooms/a/tokens?verbose=1&x=2')).status).toBe(400);
  expect((await request(urlOf('nowhere'), { headers: headersWith(key) })).status).toBe(404);
});

test('a simulated recipe accepts an optional header that is absent, and sends text as text', async () => {
  const headers = { 'x-key': key };
  expect(await request(urlOf('me'), { headers })).toMatchObject({ status: 200, text: 'sample-1' });
  expect(await request(urlOf('me'), { headers: { ...headers, 'x-team': 'red' } })).toMatchObject({ text: 'sample-2' });
});

test('a simulated recipe creates each user once and finds it by its name', async () => {
  const find = () => request(urlOf('users/alice'), { headers: headersWith(key) });
  const create = (form: Record<string, string>) => postForm(urlOf('users'), form, headersWith(key));
  const alice = { name: 'alice', 'tags[0]': 'app', 'tags[1]': '2' };

  expect(await find()).toMatchObject({ status: 404, fields: { error: { code: 'no_room' } } });
  const created = await create(alice);
  const id = textField(created, 'id');
  expect(created.status).toBe(200);
  expect(await create(alice)).toMatchObject({ status: 409, fields: { known: id } });
  expect(await find()).toMatchObject({ status: 200, fields: { user: { id } } });
  const bob = await create({ ...alice, name: 'bob' });
  expect(textField(bob, 'id')).not.toBe(id);
  expect((await create({ ...alice, '__proto__[x]': '1' })).status).toBe(400);
  expect((await postJson(urlOf('users'), alice, headersWith(key))).status).toBe(400);
});

test('a simulated recipe accepts the credentials that POST /_state sets', async () => {
  await changeState(sandbox, { acme: { setCredentials: { apiKey: ['next'] } } });
  expect([(await mint()).status, (await mint({}, headersWith('next'))).status]).toEqual([401, 201]);
});

test('faults affect a simulated recipe, and its calls are counted by their routes', async () => {
  const route = 'POST /v1/rooms/{room}/tokens';
  sandbox.setFaults([{ vendor: 'acme', route, fault: { type: 'status', status: 404 }, count: 1 }]);
  expect(await mint()).toMatchObject({ status: 404, fields: { error: { code: 'no_room' } } });
  sandbox.setFaults([{ vendor: 'acme', fault: { type: 'expired-token' } }]);
  expect((await mint()).fields).toMatchObject({ expires_at: (nowSeconds() - 60) * 1_000, ttl: -60 });
  expect(Reflect.get(sandbox.calls(), 'acme')).toEqual({ [route]: 2 });
});

test('the front page shows a simulated recipe and its control', async () => {
  const { text } = await request(sandbox.origin);
  expect(text).toMatch(/^ {2}Acme\n {4}POST \/acme\/v1\/rooms\/\{room\}\/tokens$/m);
  expect(text).toMatch(/^ +acme: setCredentials$/m);
});

test('the connection to a simulated recipe has a private key that the sandbox generated, and is marked', () => {
  const { signingKey, otherKey, ...connection } = sandbox.connections['acme'] ?? {};
  expect(connection).toEqual({ apiKey: key, region: 'eu', baseUrl: `${sandbox.origin}/acme` });
  expect(otherKey).toBe(signingKey);
  const [mark = '', ...pem] = String(signingKey).split('\n');
  expect(mark).toContain('sandbox-only');
  expect(createPrivateKey(pem.join('\n')).asymmetricKeyType).toBe('ec');
});

test('a recipe without requests has no service, and its connection no URL', async () => {
  const simulation = simulateRecipe({ ...acme, requests: [], userFromClaim: true });
  await using local = await createSandbox({ simulations: [simulation] });
  expect(local.connections['acme']).toMatchObject({ apiKey: key, user: { claim: 'sub', issuer: local.urls.idp } });
  expect(local.connections['acme']).not.toHaveProperty('baseUrl');
  expect(Reflect.get(local.urls, 'acme')).toBeUndefined();
});
