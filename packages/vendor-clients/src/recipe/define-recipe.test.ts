import { generateKeyPairSync } from 'node:crypto';
import { Secret } from '@valetkey/core-types';
import { compactVerify, decodeProtectedHeader, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { startVendorServer } from '../testing/vendor-server.ts';
import { defineRecipe } from './define-recipe.ts';
import type { RecipeInput } from './recipe-schema.ts';

const alice = {
  issuer: 'https://id.example.com',
  subject: 'alice',
  scopes: [],
  claims: { team: 'red', email: 'a@b.c' },
};
const nowSeconds = Date.UTC(2026, 10, 20) / 1_000;

const rooms = {
  id: 'rooms',
  title: 'Rooms',
  secrets: { apiSecret: { description: 'The secret.' } },
  options: { apiKey: { description: 'The key.' } },
  parameters: {
    room: { description: 'The room.', type: 'text', from: 'caller', authorize: true },
    can_publish: { description: 'Whether the user may publish.', type: 'flag', from: 'policy', default: false },
    name: { description: 'The shown name.', from: 'policy', optional: true },
  },
  subject: { characters: 'A-Za-z0-9_-', max: 40, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, min: 60, max: 3_600 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256' },
        claims: {
          video: { room: '{parameters.room}', canPublish: '{parameters.can_publish}' },
          iss: '{options.apiKey}',
          exp: '{expiry}',
          sub: '{user.id}',
          name: '{parameters.name}',
        },
        key: '{secrets.apiSecret}',
      },
    },
  ],
  answer: { token: { token: '{token}' }, details: { room: '{parameters.room}' }, expiry: 'asked' },
} as const satisfies RecipeInput;

const voices = {
  id: 'voices',
  title: 'Voices',
  secrets: { apiKey: { description: 'The key.' } },
  baseUrl: 'https://api.voices.example',
  parameters: { model: { description: 'The model.', from: 'policy', default: 'voice-1' } },
  binding: 'account',
  keep: 'never',
  life: { default: 600, min: 10, max: 7_200 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/secrets',
        headers: { authorization: 'Bearer {secrets.apiKey}' },
        json: { expires_after: { seconds: '{life}' }, session: { model: '{parameters.model}' } },
      },
    },
  ],
  answer: { token: { client_secret: '{mint.value}' }, expiry: { at: '{mint.expires_at}' } },
  sample: { mint: { value: 'sample', expires_at: 1_795_800_000 } },
} as const satisfies RecipeInput;

function openRooms(connection: object = {}) {
  const vendor = defineRecipe(rooms);
  const options = vendor.options.parse({ apiSecret: 'sample-secret', apiKey: 'sample-key', ...connection });
  return vendor.create(options, { clock: createVirtualClock() });
}

async function issueRoom(connection: object, parameters: object, vendorUserId = 'alice') {
  const { issue } = openRooms(connection);
  if (issue?.bound !== 'user') throw new Error('The recipe issues no token of a user.');
  const parsed = issue.parameters.parse(parameters);
  return issue.issue({ principal: alice, vendorUserId, parameters: parsed as Readonly<Record<string, unknown>> });
}

function tokenOf({ fields }: { readonly fields: Readonly<Record<string, string | Secret>> }, name = 'token'): string {
  const token = fields[name];
  if (!(token instanceof Secret)) throw new Error('The token is no secret.');
  return token.reveal();
}

test('a recipe with a JWT signs the claims in their order, leaves out what is absent, and reports the lifetime', async () => {
  const token = await issueRoom({ allow: { room: ['lobby'] } }, { room: 'lobby', expires_in_seconds: 120 });
  const text = tokenOf(token);

  expect(decodeProtectedHeader(text)).toEqual({ alg: 'HS256' });
  expect(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()).toBe(
    JSON.stringify({
      video: { room: 'lobby', canPublish: false },
      iss: 'sample-key',
      exp: nowSeconds + 120,
      sub: 'alice',
    }),
  );
  await jwtVerify(text, Buffer.from('sample-secret'), { currentDate: new Date(nowSeconds * 1_000) });
  expect(token).toMatchObject({ fields: { room: 'lobby' }, expiresInSeconds: 120 });
});

test.each([
  ['lobby', 'lobby', true],
  ['lobby', 'lobby-2', false],
  ['open-*', 'open-air', true],
  ['open-*', 'opera', false],
  ['team-{claim:team}-*', 'team-red-1', true],
  ['team-{claim:team}-*', 'team-red-blue-1', false],
  ['team-{claim:team}-*', 'team-blue-1', false],
  ['team-{claim:missing}-*', 'team--1', false],
  ['user-{user}', 'user-alice', true],
  ['user-{user}', 'user-bob', false],
  ['*', 'anything', true],
])('the pattern %s allows the room %s: %s', async (pattern, room, isAllowed) => {
  const outcome = await issueRoom({ allow: { room: [pattern] } }, { room }).then(
    () => true,
    (error: { code: string }) => error.code,
  );
  expect(outcome).toBe(isAllowed ? true : 'forbidden');
});

test('without a list, a caller may set no value that needs one', async () => {
  await expect(issueRoom({}, { room: 'lobby' })).rejects.toMatchObject({ code: 'forbidden' });
});

test('a caller cannot set what the policy sets, nor a longer life than the operator allows', () => {
  const { issue } = openRooms({ expiresInSeconds: 300 });
  expect(issue?.parameters.safeParse({ room: 'lobby', can_publish: true }).success).toBe(false);
  expect(issue?.parameters.safeParse({ room: 'lobby', expires_in_seconds: 301 }).success).toBe(false);
  expect(issue?.parameters.safeParse({ room: 'lobby', expires_in_seconds: 300 }).success).toBe(true);
});

test('the policy sets a parameter to a value or to a claim of the caller', async () => {
  const connection = { allow: { room: ['*'] }, set: { can_publish: true, name: { claim: 'email' } } };
  const { payload } = await jwtVerify(
    tokenOf(await issueRoom(connection, { room: 'x' })),
    Buffer.from('sample-secret'),
    {
      currentDate: new Date(nowSeconds * 1_000),
    },
  );
  expect(payload).toMatchObject({ video: { canPublish: true }, name: 'a@b.c' });
  expect(openRooms(connection).claims).toEqual([{ option: 'set.name', claim: 'email' }]);
});

test('a name that does not fit or looks hashed is hashed, and a stored id that does not fit is refused', async () => {
  const { users } = openRooms();
  const hashed = users?.nameOf?.('alice@example.com') ?? '';
  expect(users?.nameOf?.('alice')).toBe('alice');
  expect(hashed).toMatch(/^vkh[0-9a-f]{32}$/);
  expect(users?.nameOf?.(hashed)).not.toBe(hashed);
  expect(await users?.ensureUser('alice@example.com')).toEqual({ vendorUserId: hashed, created: false });
  await expect(issueRoom({ allow: { room: ['*'] } }, { room: 'x' }, 'a b')).rejects.toMatchObject({
    code: 'vendor_user_not_found',
  });
});

test('a recipe with a request sends it as written, and counts the lifetime by the clock of the vendor', async () => {
  const date = new Date(nowSeconds * 1_000).toUTCString();
  await using server = await startVendorServer({
    headers: { date },
    json: { value: 'ek-sample', expires_at: nowSeconds + 60 },
  });
  const client = defineRecipe(voices).createClient({ apiKey: 'sample-key', baseUrl: server.url });
  const token = await client.issue({ expiresInSeconds: 60 });
  await client.close();

  expect(tokenOf(token, 'client_secret')).toBe('ek-sample');
  expect(token.expiresInSeconds).toBe(60);
  expect(server.calls).toMatchObject([
    {
      method: 'POST',
      path: '/v1/secrets',
      headers: { authorization: 'Bearer sample-key' },
      body: '{"expires_after":{"seconds":60},"session":{"model":"voice-1"}}',
    },
  ]);
});

test('a response without the token is refused, and a refused key is tried with the other slot', async () => {
  const headers = { date: new Date(nowSeconds * 1_000).toUTCString() };
  await using server = await startVendorServer({ headers, json: { other: 1 } });
  const client = defineRecipe(voices).createClient({ apiKey: { current: 'old', next: 'new' }, baseUrl: server.url });
  await expect(client.issue()).rejects.toMatchObject({
    code: 'vendor_response_invalid',
    reason: 'field:client_secret',
  });
  server.respond({ status: 401 }, { headers, json: { value: 'ek-sample', expires_at: nowSeconds + 60 } });
  expect(tokenOf(await client.issue(), 'client_secret')).toBe('ek-sample');
  await client.close();
  expect(server.calls.map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer old',
    'Bearer old',
    'Bearer new',
  ]);
});

const signingKeys = {
  rsa: { type: 'rsa-private-key', ...generateKeyPairSync('rsa', { modulusLength: 2_048 }) },
  p256: { type: 'p256-private-key', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) },
  p384: { type: 'p384-private-key', ...generateKeyPairSync('ec', { namedCurve: 'P-384' }) },
  ed25519: { type: 'ed25519-private-key', ...generateKeyPairSync('ed25519') },
} as const;

test.each([
  ['RS256', 'rsa'],
  ['PS256', 'rsa'],
  ['ES256', 'p256'],
  ['ES384', 'p384'],
  ['EdDSA', 'ed25519'],
] as const)('a recipe signs with %s', async (alg, kind) => {
  const { type, ...pair } = signingKeys[kind];
  const [step] = rooms.steps;
  const vendor = defineRecipe({
    ...rooms,
    secrets: { apiSecret: { description: 'The key.', type } },
    steps: [{ as: 'token', jwt: { ...step.jwt, header: { alg } } }],
  });
  const apiSecret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const client = vendor.createClient({ apiSecret, apiKey: 'sample-key' });
  const { protectedHeader } = await jwtVerify(tokenOf(await client.issue({ userId: 'alice' })), pair.publicKey);
  await client.close();
  expect(protectedHeader).toEqual({ alg });
});

test.each([
  ['RS256', 'rsa'],
  ['PS512', 'rsa'],
  ['ES256', 'p256'],
  ['ES384', 'p384'],
  ['EdDSA', 'ed25519'],
] as const)('a recipe signs a text with %s as jose signs it', async (signature, kind) => {
  const { type, ...pair } = signingKeys[kind];
  const input = Buffer.from(JSON.stringify({ alg: signature })).toString('base64url');
  const vendor = defineRecipe({
    ...rooms,
    options: {},
    parameters: {},
    secrets: { apiSecret: { description: 'The key.', type } },
    steps: [
      { set: { payload: '{user.id | base64url}', until: '{expiry}' } },
      {
        as: 'signature',
        sign: { signature, key: '{secrets.apiSecret}', message: `${input}.{payload}`, encoding: 'base64url' },
      },
      { set: { token: '{signature}' } },
    ],
    answer: { token: { token: '{token}' }, details: { until: '{until}' }, expiry: 'asked' },
  });
  const apiSecret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const client = vendor.createClient({ apiSecret });
  const jws = `${input}.${Buffer.from('alice').toString('base64url')}.${tokenOf(await client.issue({ userId: 'alice' }))}`;
  await client.close();
  expect(Buffer.from((await compactVerify(jws, pair.publicKey)).payload).toString()).toBe('alice');
});

test('of several meanings of a status, the first one whose fields the response has applies', async () => {
  const vendor = defineRecipe({
    ...voices,
    errors: [
      { status: 400, code: 'vendor_auth_failed', detail: 'The key is wrong.', when: { error_code: 'WRONG_KEY' } },
      { status: 400, code: 'forbidden', detail: 'The model is not allowed.', when: { error_code: 'NOT_ALLOWED' } },
      { status: 400, code: 'vendor_rejected', detail: 'The request is wrong.' },
    ],
  });
  await using server = await startVendorServer({ json: {} });
  const client = vendor.createClient({ apiKey: 'sample-key', baseUrl: server.url });
  for (const [error_code, code] of [
    ['WRONG_KEY', 'vendor_auth_failed'],
    ['NOT_ALLOWED', 'forbidden'],
    ['OTHER', 'vendor_rejected'],
  ]) {
    server.respond({ status: 400, json: { error_code } });
    await expect(client.issue()).rejects.toMatchObject({ code });
  }
  await client.close();
});

test('a refusal without a field of the vendor’s own errors is no refusal of the key', async () => {
  const vendor = defineRecipe({ ...voices, errorFields: ['err_code'] });
  await using server = await startVendorServer({ status: 403, json: { err_code: 'FORBIDDEN' } });
  const client = vendor.createClient({ apiKey: 'sample-key', baseUrl: server.url });
  await expect(client.issue()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  server.respond({ status: 403, json: { message: 'blocked' } });
  await expect(client.issue()).rejects.toMatchObject({ code: 'vendor_unavailable', cause: { type: 'intercepted' } });
  await client.close();
});

test('a key is proven by a success, and by the one refusal that only a right key gets', async () => {
  const vendor = defineRecipe({
    ...voices,
    errors: [{ status: 400, code: 'vendor_auth_failed', detail: 'No.', when: { error_code: 'WRONG_KEY' } }],
    verify: { method: 'POST', path: '/v1/get', refusal: { status: 400, when: { error_code: 'UNKNOWN_OBJECT' } } },
  });
  await using server = await startVendorServer({ json: {} });
  const client = vendor.createClient({ apiKey: 'sample-key', baseUrl: server.url });
  await expect(client.verify()).resolves.toEqual({ proven: ['`apiKey` is accepted'] });
  server.respond({ status: 400, json: { error_code: 'UNKNOWN_OBJECT' } });
  await expect(client.verify()).resolves.toEqual({ proven: ['`apiKey` is accepted'] });
  server.respond({ status: 400, json: { error_code: 'WRONG_KEY' } });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  server.respond({ status: 400, json: { error_code: 'OTHER' } });
  await expect(client.verify()).rejects.toMatchObject({ code: 'vendor_rejected' });
  await client.close();
});

test('a text of several lines may have line breaks, and no other control character', () => {
  const { options } = defineRecipe({
    ...voices,
    parameters: { model: { description: 'The model.', from: 'policy', characters: 'multiline' } },
  });
  const accepts = (model: string) => options.safeParse({ apiKey: 'sample-key', set: { model } }).success;
  expect(['one\ntwo\r\n\tthree', 'one\u0000two', 'one\u001btwo'].map(accepts)).toEqual([true, false, false]);
});

test('without its claim, a parameter that narrows the token is refused, and another one is left out', async () => {
  const set = { name: { claim: 'missing' } };
  await expect(issueRoom({ allow: { room: ['*'] }, set }, { room: 'x' })).resolves.toBeDefined();
  const { issue } = defineRecipe({
    ...rooms,
    parameters: { ...rooms.parameters, name: { ...rooms.parameters.name, widens: true } },
  }).create(
    defineRecipe(rooms).options.parse({
      apiSecret: 'sample-secret',
      apiKey: 'sample-key',
      allow: { room: ['*'] },
      set,
    }),
  );
  const request = { principal: alice, vendorUserId: 'alice', parameters: { room: 'x' } };
  await expect(issue?.issue(request)).rejects.toMatchObject({ code: 'forbidden', reason: 'claim:name' });
});

test('a recipe whose ids the vendor gives leaves the users to the operator', async () => {
  const vendor = defineRecipe({ ...rooms, subject: { ...rooms.subject, givenBy: 'vendor' } });
  const options = vendor.options.parse({ apiSecret: 'sample-secret', apiKey: 'sample-key' });
  expect(vendor.create(options).users).toBeUndefined();
});

test.each([
  [false, ['old']],
  [true, ['old', 'new']],
])(
  'a key that a later request refuses is replaced only if the first one may be sent twice: %s',
  async (repeatable, keys) => {
    const [mint] = voices.steps;
    const first = { as: 'first', http: { ...mint.http, path: '/v1/first', repeatable } };
    const vendor = defineRecipe({ ...voices, steps: [first, mint], sample: { first: {}, mint: {} } });
    await using server = await startVendorServer((response, { url, headers }) => {
      const isRefused = url !== '/v1/first' && headers.authorization === 'Bearer old';
      const expiresAt = Math.floor(Date.now() / 1_000) + 60;
      const body = isRefused ? { error: 'refused' } : { value: 'ek-sample', expires_at: expiresAt };
      response.writeHead(isRefused ? 401 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const client = vendor.createClient({ apiKey: { current: 'old', next: 'new' }, baseUrl: server.url });
    const outcome = await client.issue().then(
      () => 'issued',
      (error: { code: string }) => error.code,
    );
    await client.close();

    expect(outcome).toBe(repeatable ? 'issued' : 'vendor_auth_failed');
    const sent = server.calls.filter(({ path }) => path === '/v1/first').map(({ headers }) => headers['authorization']);
    expect(sent).toEqual(keys.map((key) => `Bearer ${key}`));
  },
);
