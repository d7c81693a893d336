import { expect, test } from 'vitest';
import { defineRecipe } from './define-recipe.ts';
import type { RecipeInput } from './recipe-schema.ts';
import { sampleOf } from './sample.ts';

const authorization = 'Basic {basic | base64}';
const acme = {
  id: 'acme',
  title: 'Acme',
  secrets: {
    apiKey: { description: 'The key.' },
    privateKey: { description: 'The private key.', type: 'p256-private-key' },
  },
  options: {
    accountId: { description: 'The account.', characters: '0-9', max: 8 },
    region: { description: 'The region.', values: ['eu', 'us'] },
    label: { description: 'The label.', characters: 'a-z', optional: true },
  },
  baseUrl: 'https://{options.region}.acme.example',
  parameters: {
    room: { description: 'The room.', from: 'caller', authorize: true, characters: 'a-z_' },
    model: { description: 'The model.', from: 'policy', example: 'voice-1' },
    tags: { description: 'The tags.', type: 'list', values: ['a', 'b'], from: 'policy' },
    count: { description: 'The count.', type: 'number', min: 5, from: 'policy' },
    extra: { description: 'More.', type: 'json', from: 'policy' },
    open: { description: 'Whether it is open.', type: 'flag', from: 'policy' },
    note: { description: 'A note.', characters: 'a-z', from: 'policy', optional: true },
  },
  subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 60, max: 600 },
  ensure: {
    rule: 'conflict-carries-id',
    create: { method: 'POST', path: '/users', headers: { 'x-key': '{secrets.apiKey}' }, json: { name: '{user.id}' } },
    conflict: 409,
    userId: '{created.user.id}',
    foundUserId: '{found.errors.0.id}',
  },
  steps: [
    { set: { basic: '{options.accountId}:{secrets.apiKey}', limits: { count: '{parameters.count}', max: 9 } } },
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/rooms/{parameters.room}/tokens',
        query: { tags: '{parameters.tags}' },
        headers: { authorization, 'x-label': '{options.label}', 'x-digest': '{secrets.apiKey | sha256}' },
        json: {
          user: '{user.id}',
          ttl: '{life | milliseconds}',
          limits: '{limits}',
          model: '{parameters.model}',
          open: ['{parameters.open}', true],
          note: 'Note: {parameters.note}',
        },
      },
    },
    {
      as: 'extra',
      http: {
        method: 'POST',
        path: '/extra',
        headers: { 'x-key': '{secrets.apiKey}' },
        form: { extra: '{parameters.extra}' },
      },
    },
    {
      as: 'signed',
      jwt: { header: { alg: 'ES256' }, claims: { sub: '{user.id}', exp: '{expiry}' }, key: '{secrets.privateKey}' },
    },
    { set: { pair: '{mint.token}' } },
  ],
  answer: { token: { token: '{pair}', signed: '{signed}' }, expiry: { at: '{mint.until}' } },
  errors: [
    { status: 404, when: { 'error.code': 'no_room' }, code: 'vendor_rejected', detail: 'There is no such room.' },
  ],
  errorFields: ['trace'],
  verify: {
    method: 'GET',
    path: '/me',
    headers: { 'x-key': '{secrets.apiKey}' },
    refusal: { status: 400, when: { 'error.kind': 'none' } },
  },
  sample: { mint: { token: 'sample-token', until: 1_795_800_000 }, extra: {} },
} as const satisfies RecipeInput;

const sample = sampleOf(defineRecipe(acme).recipe);
const [create, mint, extra, verify] = sample.requests;

test('a sample has marked credentials, and the kind of a private key instead of a key', () => {
  expect(sample.credentials).toEqual({ apiKey: 'sandbox-only-acme-api-key', privateKey: { privateKey: 'p256' } });
});

test('a sample has a connection for development with every required value, which allows every value of a caller', () => {
  expect(sample.connection).toEqual({
    accountId: '012345',
    region: 'eu',
    set: { model: 'voice-1', tags: ['a'], count: 5, extra: {}, open: true },
    allow: { room: ['*'] },
  });
  expect(sample.parameters).toEqual({ room: 'sample' });
  expect(sample.userFromClaim).toBe(false);
});

test('a sample describes a request: literals, credentials also within a named value, and what varies', () => {
  const variable = (name: string) => ({ text: [{ variable: name }] });
  expect(mint).toEqual({
    method: 'POST',
    path: [['rooms'], [{ variable: 'parameters.room' }], ['tokens']],
    query: { tags: { text: [{ variable: 'parameters.tags', optional: true }] } },
    headers: {
      authorization: ['Basic ', { base64: [{ variable: 'options.accountId' }, ':', { credential: 'apiKey' }] }],
      'x-label': [{ variable: 'options.label', optional: true }],
      'x-digest': [{ variable: 'secrets.apiKey' }],
    },
    body: {
      type: 'json',
      value: {
        fields: {
          user: variable('user.id'),
          ttl: { text: [{ variable: 'life', unit: 'milliseconds' }] },
          limits: { fields: { count: variable('parameters.count'), max: { literal: 9 } } },
          model: variable('parameters.model'),
          open: { list: [variable('parameters.open'), { literal: true }] },
          note: { text: ['Note: ', { variable: 'parameters.note', optional: true }] },
        },
      },
    },
    response: {
      status: 200,
      type: 'json',
      body: acme.sample.mint,
      unique: [['token']],
      expiresAt: ['until'],
      expiresIn: undefined,
    },
  });
  expect(extra?.body).toEqual({
    type: 'form',
    value: { fields: { extra: { text: [{ variable: 'parameters.extra', optional: true }] } } },
  });
});

test('a sample describes how users are created, and what shows that the credentials are right', () => {
  expect(create).toMatchObject({
    user: 'create',
    response: { status: 200, body: { user: { id: 'sample-user' } }, userId: ['user', 'id'] },
    conflict: { status: 409, body: { errors: [{ id: 'sample-user' }] }, userId: ['errors', '0', 'id'] },
  });
  expect(verify?.response).toMatchObject({ status: 400, body: { error: { kind: 'none' } } });
});

test('a sample describes the errors of the vendor by the fields that the recipe reads', () => {
  expect(sample.failure).toEqual({
    paths: [['trace'], ['error', 'code'], ['error', 'kind']],
    known: [{ status: 404, fields: { 'error.code': 'no_room' } }],
  });
});

test('a sample is plain data, which JSON can hold', () => {
  expect(JSON.parse(JSON.stringify(sample))).toEqual(sample);
});
