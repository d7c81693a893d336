import { expect, test } from 'vitest';
import { startVendorServer, type PlannedResponse } from '../testing/vendor-server.ts';
import { defineRecipe } from './define-recipe.ts';
import type { RecipeInput } from './recipe-schema.ts';

type Ensure = NonNullable<RecipeInput['ensure']>;

const create = {
  method: 'POST',
  path: '/users',
  headers: { 'x-key': '{secrets.apiKey}', 'idempotency-key': '{user.id}' },
  form: { metadata: { person: '{user.id}' } },
  expected: [200, 201],
} as const satisfies Ensure['create'];
const find = { method: 'GET', path: '/users/{user.id}', headers: { 'x-key': '{secrets.apiKey}' } } as const;

function createVendor(ensure: Ensure) {
  return defineRecipe({
    id: 'acme',
    title: 'Acme',
    secrets: { apiKey: { description: 'The key.' } },
    baseUrl: 'https://api.acme.example',
    subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'refuse' },
    binding: 'user',
    keep: 'never',
    ensure,
    steps: [
      {
        as: 'mint',
        http: { method: 'POST', path: '/users/{user.id}/tokens', headers: { 'x-key': '{secrets.apiKey}' } },
      },
    ],
    answer: { token: { token: '{mint.token}' }, expiry: 'unknown' },
    sample: { mint: { token: 'sample' } },
  });
}

const rules: readonly (readonly [
  string,
  Ensure,
  readonly [PlannedResponse, ...PlannedResponse[]],
  object,
  readonly string[],
])[] = [
  [
    'upsert',
    { rule: 'upsert', create, userId: '{user.id}' },
    [{ json: {} }],
    { vendorUserId: 'alice', created: true },
    ['POST /users'],
  ],
  [
    'exists-is-fine, when the user exists',
    { rule: 'exists-is-fine', create, conflict: 409, userId: '{user.id}' },
    [{ status: 409 }],
    { vendorUserId: 'alice', created: false },
    ['POST /users'],
  ],
  [
    'conflict-carries-id, when the user exists',
    { rule: 'conflict-carries-id', create, conflict: 400, userId: '{created.id}', foundUserId: '{found.detail.id}' },
    [{ status: 400, json: { detail: { id: 'u-1' } } }],
    { vendorUserId: 'u-1', created: false },
    ['POST /users'],
  ],
  [
    'find-then-create, when the user exists',
    { rule: 'find-then-create', find, create, userId: '{created.id}', foundUserId: '{found.id}' },
    [{ json: { id: 7 } }],
    { vendorUserId: '7', created: false },
    ['GET /users/alice'],
  ],
  [
    'find-then-create, when it does not',
    { rule: 'find-then-create', find, create, userId: '{created.id}', foundUserId: '{found.id}' },
    [{ status: 404 }, { status: 201, json: { id: 'u-1' } }],
    { vendorUserId: 'u-1', created: true },
    ['GET /users/alice', 'POST /users'],
  ],
  [
    'find-then-create, when another request creates it meanwhile',
    { rule: 'find-then-create', find, create, conflict: 409, userId: '{created.id}', foundUserId: '{found.id}' },
    [{ status: 404 }, { status: 409 }, { json: { id: 'u-1' } }],
    { vendorUserId: 'u-1', created: false },
    ['GET /users/alice', 'POST /users', 'GET /users/alice'],
  ],
  [
    'create-once-and-store',
    { rule: 'create-once-and-store', create, userId: '{created.id}' },
    [{ status: 201, json: { id: 'u-1' } }],
    { vendorUserId: 'u-1', created: true },
    ['POST /users'],
  ],
];

test.each(rules)('ensures a user by the rule %s', async (_rule, ensure, responses, expected, calls) => {
  await using server = await startVendorServer(...responses);
  const client = createVendor(ensure).createClient({ apiKey: 'sample-key', baseUrl: server.url });
  const user = await client.ensureUser('alice');
  await client.close();

  expect(user).toEqual(expected);
  expect(server.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(calls);
  for (const { body, headers } of server.calls.filter(({ method }) => method === 'POST')) {
    expect(body).toBe('metadata[person]=alice');
    expect(headers).toMatchObject({
      'content-type': 'application/x-www-form-urlencoded',
      'idempotency-key': 'alice',
      'x-key': 'sample-key',
    });
  }
});

test('a response without the id of the user is refused', async () => {
  await using server = await startVendorServer({ json: { id: { nested: true } } });
  const vendor = createVendor({ rule: 'create-once-and-store', create, userId: '{created.id}' });
  const client = vendor.createClient({ apiKey: 'sample-key', baseUrl: server.url });
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ code: 'vendor_response_invalid' });
  await client.close();
});

test('a conflict that another rule does not know is an error, and so is a user that vanishes', async () => {
  await using server = await startVendorServer({ status: 404 }, { status: 409 }, { status: 404 });
  const vendor = createVendor({ rule: 'find-then-create', find, create, conflict: 409, userId: '{created.id}' });
  const client = vendor.createClient({ apiKey: 'sample-key', baseUrl: server.url });
  await expect(client.ensureUser('alice')).rejects.toMatchObject({ code: 'vendor_rejected' });
  await client.close();
});

test('a person whose name the vendor does not accept has no user', async () => {
  const { users, close } = createVendor({ rule: 'upsert', create, userId: '{user.id}' }).create(
    createVendor({ rule: 'upsert', create, userId: '{user.id}' }).options.parse({ apiKey: 'sample-key' }),
  );
  expect(users?.nameOf?.('a b')).toBeUndefined();
  await expect(users?.ensureUser('a b')).rejects.toMatchObject({ code: 'vendor_user_not_found' });
  await close();
});
