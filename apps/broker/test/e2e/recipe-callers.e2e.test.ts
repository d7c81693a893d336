import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { defineRecipe, type RecipeInput } from '@valetkey/vendor-clients/recipe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tokenExchangeGrant } from '../../src/http/routes/exchange-request.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

// A caller with a valid token tries to get a token for another person, room, role or time.
const description = 'A description.';
const rooms = {
  id: 'rooms',
  title: 'Rooms',
  secrets: { apiSecret: { description } },
  parameters: {
    room: { description, from: 'caller', authorize: true, max: 100 },
    label: { description, from: 'caller', optional: true, max: 20 },
    role: { description, values: ['guest', 'host'], from: 'policy', default: 'guest' },
  },
  subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 3_600 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256' },
        claims: {
          room: '{parameters.room}',
          label: '{parameters.label}',
          role: '{parameters.role}',
          sub: '{user.id}',
          iat: '{now}',
          exp: '{expiry}',
        },
        key: '{secrets.apiSecret}',
      },
    },
  ],
  answer: { token: { token: '{token}' }, expiry: 'asked' },
  endpoint: {
    methods: ['GET', 'POST'],
    parameters: { room: 'room_name' },
    respond: { type: 'text/plain', body: '{token.token}' },
  },
} as const satisfies RecipeInput;

interface Claims {
  readonly [claim: string]: unknown;
  readonly iat: number;
  readonly exp: number;
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Claims;

const apiSecret = 'canary-secret-of-rooms-0123456789';
let sandbox: Sandbox;
let broker: RecordingBroker;
let alice: string;
let aliceId: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  const allow = { room: ['lobby', 'home:{user}', 'team:{claim:team}', 'board:{claim:team}:*', 'open-*'] };
  broker = await startRecordingBroker({
    ...config,
    adapters: [defineRecipe(rooms)],
    vendors: { nudge: vendors.nudge, rooms: { apiSecret, allow } },
  });
  alice = await sandbox.mintUserToken({ sub: 'alice', claims: { team: 'red' } });
  aliceId = String(claimsOf(await issued('{"room":"lobby"}'))['sub']);
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

function post(path: string, body: string, token = alice, contentType = 'application/json') {
  return broker.call(`/v1/vendors/rooms/${path}`, token, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
  });
}

async function issued(body: string, token = alice): Promise<string> {
  const response = await post('token', body, token);
  expect(response.status).toBe(200);
  return ((await response.json()) as { token: string }).token;
}

test.each([
  '{"room":"lobby"}',
  '{"room":"team:red"}',
  '{"room":"board:red:1"}',
  '{"room":"open-bob"}',
  '{"room":"secret","room":"lobby"}',
])('gives the caller the room of %s, and nothing else', async (body) => {
  const { room } = JSON.parse(body) as { room: string };
  const { iat, ...claims } = claimsOf(await issued(body));
  expect(claims).toEqual({ room, role: 'guest', sub: aliceId, exp: iat + 600 });
});

const otherRooms = [
  'secret', 'LOBBY', 'lobby ', ' lobby', 'lobby\u0000', 'lobby\n', 'lobby\u200b', 'ｌobby', 'lobb\u0079\u0301', 'lobby/../secret', 'home:bob', 'home:{user}',
  'home:', 'home:undefined', 'team:blue', 'team:', 'team:{claim:team}', 'team:red ', 'team:RED', 'board:red', 'board:red:1:2', 'board:blue:1', 'board::1',
  'board:undefined:1', 'board:*', 'open', '*', '', '__proto__', 'constructor', `open-${'x'.repeat(100)}`,
]; // prettier-ignore

test.each([...otherRooms, ['lobby'], { room: 'lobby' }, [], {}, 1, true, null, ['lobby', 'secret']])(
  'refuses the room %j at the token route, at the endpoint as JSON, as a form and as a query',
  async (room) => {
    const form = new URLSearchParams({ room_name: typeof room === 'string' ? room : JSON.stringify(room) }).toString();
    const responses = await Promise.all([
      post('token', JSON.stringify({ room })),
      post('endpoint', JSON.stringify({ room_name: room })),
      post('endpoint', form, alice, 'application/x-www-form-urlencoded'),
      broker.call(`/v1/vendors/rooms/endpoint?${form}`, alice),
    ]);
    const statuses = responses.map(({ status }) => status);
    expect(statuses.every((status) => status === 400 || status === 403)).toBe(true);
  },
);

test.each([
  '',
  '*',
  'red*',
  [],
  ['red'],
  {},
  { red: true },
  7,
  true,
  null,
  '{user}',
  '{claim:team}',
  'x'.repeat(2_000),
])('refuses the rooms of the team red to a caller whose claim is %j', async (team) => {
  const token = await sandbox.mintUserToken({ sub: 'mallory', claims: { team } });
  for (const room of ['team:red', 'board:red:1', 'team:', 'board::1', 'team:[object Object]', 'team:null']) {
    const { status } = await post('token', JSON.stringify({ room }), token);
    expect([403, 401]).toContain(status);
  }
});

const moreFields: readonly object[] = [
  { role: 'host' }, { user: 'bob' }, { user: { id: 'bob' } }, { user_id: 'bob' }, { vendor_user_id: 'bob' }, { vendorUserId: 'bob' }, { sub: 'bob' },
  { principal: { subject: 'bob' } }, { set: { role: 'host' } }, { allow: { room: ['*'] } }, { parameters: { room: 'secret' } }, { label: ['a'] },
  { label: { a: 1 } }, { label: 1 }, { label: null }, { label: 'a\nb' }, { label: 'x'.repeat(21) }, { constructor: 1 }, { expires_in_seconds: 601 },
  { expires_in_seconds: 0 }, { expires_in_seconds: -1 }, { expires_in_seconds: 1.5 }, { expires_in_seconds: '60' }, { expires_in_seconds: 1e300 },
  { expires_in_seconds: null }, { expires_in_seconds: [60] }, { expiry: 4e9 }, { life: 9e9 }, { exp: 4e9 },
]; // prettier-ignore

test.each(moreFields)('refuses the further fields %j, and ignores them at the endpoint', async (fields) => {
  expect((await post('token', JSON.stringify({ room: 'lobby', ...fields }))).status).toBe(400);
  const response = await post('endpoint', JSON.stringify({ room_name: 'lobby', ...fields }));
  const { iat, ...claims } = claimsOf(await response.text());
  expect(claims).toEqual({ room: 'lobby', role: 'guest', sub: aliceId, exp: iat + 600 });
});

test.each([
  '{"room":"lobby","__proto__":{"role":"host"}}',
  '{"__proto__":{"room":"lobby"}}',
  '[]',
  '"lobby"',
  'null',
  '1',
])('the body %s gives no more than its own fields', async (body) => {
  const responses = [await post('token', body), await post('endpoint', body.replaceAll('room', 'room_name'))];
  const tokens = await Promise.all(
    responses.map(async (response) => (response.status === 200 ? claimsOf(await response.text())['role'] : 'none')),
  );
  expect(tokens.every((role) => role === 'none' || role === 'guest')).toBe(true);
  expect(({} as Record<string, unknown>)['role']).toBeUndefined();
});

describe('what the endpoint reads', () => {
  const form = 'application/x-www-form-urlencoded';
  test.each<[string, string, string, string, string | undefined]>([
    ['the body and not the query', '?room_name=secret', 'application/json', '{"room_name":"lobby"}', 'lobby'],
    ['the body and not the query of a form', '?room_name=secret', form, 'room_name=lobby', 'lobby'],
    [
      'the body although the query is allowed',
      '?room_name=lobby',
      'application/json',
      '{"room_name":"secret"}',
      undefined,
    ],
    ['no query beside an empty form', '?room_name=lobby', form, '', undefined],
    ['the last of two fields of a form', '', form, 'room_name=lobby&room_name=secret', undefined],
    ['the last of two fields of JSON', '', 'application/json', '{"room_name":"lobby","room_name":"secret"}', undefined],
    [
      'a form with parameters of its media type',
      '',
      `${form.toUpperCase()}; charset=utf-16`,
      'room_name=lobby',
      'lobby',
    ],
    ['JSON of any other media type', '', 'text/plain', '{"room_name":"lobby"}', 'lobby'],
    ['no form of another media type', '', 'text/plain', 'room_name=lobby', undefined],
    ['no JSON as a form', '', form, '{"room_name":"lobby"}', undefined],
    [
      'no part of a multipart body',
      '',
      'multipart/form-data; boundary=a',
      '--a\r\ncontent-disposition: form-data; name="room_name"\r\n\r\nlobby\r\n--a--',
      undefined,
    ],
    ['no nested name of a form', '', form, 'room_name[]=lobby&room_name[0]=lobby', undefined],
    ['a byte order mark as no JSON', '', 'application/json', '\ufeff{"room_name":"lobby"}', undefined],
    [
      'ten thousand levels of JSON',
      '',
      'application/json',
      `{"room_name":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
      undefined,
    ],
    ['a number that no number can hold', '', 'application/json', '{"room_name":1e999}', undefined],
  ])('%s', async (_what, query, contentType, body, room) => {
    const response = await post(`endpoint${query}`, body, alice, contentType);
    const text = await response.text();
    expect(response.status === 200 ? claimsOf(text)['room'] : undefined).toBe(room);
    expect(response.status).toBeLessThan(500);
    expect(text).not.toContain(apiSecret);
  });
});

test('token exchange gives no token that needs a parameter, and no scope', async () => {
  for (const more of [{}, { room: 'lobby' }, { scope: 'host' }, { expires_in_seconds: '3600' }]) {
    const body = new URLSearchParams({
      grant_type: tokenExchangeGrant,
      subject_token: alice,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience: 'rooms',
      ...more,
    });
    const response = await broker.call('/oauth2/token', undefined, { method: 'POST', body });
    expect(response.status).toBe(400);
  }
});

test('two subjects that look alike are two users', async () => {
  const subjects = ['alice', 'Alice', 'alice ', 'al\u0131ce', 'alice\u0000', 'ａlice', 'ali\u0301ce', 'alíce', aliceId];
  const tokens = await Promise.all(
    subjects.map(async (sub) => post('token', '{"room":"lobby"}', await sandbox.mintUserToken({ sub }))),
  );
  const users = await Promise.all(
    tokens.map(async (response, index) =>
      response.status === 200 ? claimsOf(((await response.json()) as { token: string }).token)['sub'] : index,
    ),
  );
  expect(new Set(users).size).toBe(subjects.length);
});

test('no attempt writes the secret to the log', () => {
  expect(broker.logLines().join()).not.toContain(apiSecret);
});
