import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { defineRecipe, type RecipeInput } from '@valetkey/vendor-clients/recipe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

const rooms = {
  id: 'rooms',
  title: 'Rooms',
  secrets: { apiSecret: { description: 'The secret.' } },
  options: { serverUrl: { description: 'The URL that the SDK connects to.' } },
  parameters: { room: { description: 'The room.', from: 'caller', authorize: true } },
  subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 3_600 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256' },
        claims: { room: '{parameters.room}', sub: '{user.id}', exp: '{expiry}' },
        key: '{secrets.apiSecret}',
      },
    },
    { set: { address: '{options.serverUrl}' } },
  ],
  answer: { token: { token: '{token}' }, details: { server_url: '{address}' }, expiry: 'asked' },
  endpoint: {
    parameters: { room: 'room_name' },
    respond: {
      status: 201,
      body: { server_url: '{token.server_url}', participant_token: '{token.token}', expires_in: '{expires_in}' },
    },
    refuse: { message: '{error.detail}', reason: '{error.code}' },
  },
} as const satisfies RecipeInput;

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Readonly<Record<string, unknown>>;

const path = '/v1/vendors/rooms/endpoint';
const apiSecret = 'sample-secret-of-rooms-0123456789';

let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const config = createConfigFor(sandbox);
  broker = await startRecordingBroker({
    ...config,
    adapters: [defineRecipe(rooms)],
    vendors: {
      ...config.vendors,
      rooms: { apiSecret, serverUrl: 'wss://rooms.example', allow: { room: ['lobby'] } },
      closed: { vendor: 'rooms', apiSecret, serverUrl: 'wss://rooms.example' },
    },
  });
  alice = await sandbox.mintUserToken({ sub: 'alice' });
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

const send = (body: object | string, url = path, token: string | undefined = alice, init: RequestInit = {}) =>
  broker.call(url, token, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });

test('responds to the SDK of a vendor in its own words, below the path as well', async () => {
  for (const url of [path, `${path}/connection-details`]) {
    const response = await send({ room_name: 'lobby', room_config: { agents: [] } }, url);
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const body = (await response.json()) as { participant_token: string };
    expect(body).toEqual({ server_url: 'wss://rooms.example', participant_token: expect.any(String), expires_in: 600 });
    expect(claimsOf(body.participant_token)).toMatchObject({ room: 'lobby' });
  }
});

test('reads a form as well, and never uses an identity of the request', async () => {
  const form = {
    body: 'room_name=lobby&participant_identity=bob',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  };
  const tokens = [
    await send('', path, alice, form),
    await send({ room_name: 'lobby', participant_identity: 'bob', sub: 'bob', user: { id: 'bob' } }),
    await send({ room_name: 'lobby' }),
  ];
  const subjects = await Promise.all(
    tokens.map(
      async (response) => claimsOf(((await response.json()) as { participant_token: string }).participant_token)['sub'],
    ),
  );
  expect(new Set(subjects).size).toBe(1);
  expect(subjects[0]).not.toBe('bob');
});

test.each([
  ['no token', { room_name: 'lobby' }, path, undefined, 401, 'missing_token'],
  ['a room that is not listed', { room_name: 'secret' }, path, 'alice', 403, 'forbidden'],
  ['a connection that lists no room', { room_name: 'lobby' }, '/v1/vendors/closed/endpoint', 'alice', 403, 'forbidden'],
  ['no room', {}, path, 'alice', 400, 'invalid_request'],
  ['a room that is no text', { room_name: { a: 1 } }, path, 'alice', 400, 'invalid_request'],
  ['a body that is no JSON', 'not json', path, 'alice', 400, 'invalid_request'],
])('refuses %s in the words of the vendor', async (_what, body, url, who, status, reason) => {
  const response = who === undefined ? await broker.call(url, undefined, { method: 'POST' }) : await send(body, url);
  expect(response.status).toBe(status);
  expect(await response.json()).toEqual({ message: expect.any(String), reason });
});

test('refuses a method that the SDK does not send, and a connection without an endpoint', async () => {
  const got = await broker.call(`${path}?room_name=lobby`, alice);
  expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
  const nudge = await send({}, '/v1/vendors/nudge/endpoint');
  expect(nudge.status).toBe(404);
  expect(await nudge.json()).toMatchObject({ code: 'operation_not_supported', vendor: expect.any(String) });
  expect((await send({}, '/v1/vendors/missing/endpoint')).status).toBe(404);
});

test('writes no secret to the log', () => {
  expect(broker.logLines().join()).not.toContain(apiSecret);
});
