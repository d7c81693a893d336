import { recipeSchema, type RecipeInput } from '@valetkey/vendor-clients/recipe';
import { expect, test } from 'vitest';
import { createTree } from '../testing/tree.ts';
import { listRecipeVendors, renderRecipeTable, type PlacedRecipe } from './vendor-proofs.ts';

const folder = 'packages/vendor-clients/src/vendors';

const rooms = {
  id: 'rooms',
  title: 'Rooms',
  secrets: { key: { description: 'The key.' } },
  parameters: {
    room: { description: 'The room.', from: 'caller', authorize: true },
    color: { description: 'The color.', from: 'caller', optional: true },
    role: { description: 'The role.', from: 'policy', default: 'guest' },
  },
  subject: { characters: 'a-z', max: 9, otherwise: 'refuse' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 3_600 },
  steps: [{ as: 'token', jwt: { header: { alg: 'ES256' }, claims: { exp: '{expiry}' }, key: '{secrets.key}' } }],
  answer: { token: { token: '{token}' }, expiry: 'asked' },
} as const satisfies RecipeInput;

const mint = { as: 'mint', http: { method: 'POST', path: '/tokens' } } as const;

function place(id: string, changes: Partial<RecipeInput> = {}, vendor = id): PlacedRecipe {
  return { id, vendor, recipe: recipeSchema.parse({ ...rooms, id, ...changes }) };
}

/** Returns the cells of the only row. */
function rowOf(recipe: PlacedRecipe, files: Readonly<Record<string, string>> = {}): string[] {
  const root = createTree({ [`${folder}/${recipe.vendor}/${recipe.id}.recipe.ts`]: '', ...files });
  const [, , row = ''] = renderRecipeTable(root, [recipe]).split('\n');
  return row.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
}

const oracle = { package: 'rooms-sdk', version: '1.2.3', checkedOn: '2026-11-28' };

test('renderRecipeTable describes the mechanism, the binding, the life, what a caller may set, the hook and the withdrawal', () => {
  const docs = { hook: '`accessToken`', withdrawal: 'nothing' };
  expect(rowOf(place('rooms', { docs }, 'acme'))).toEqual([
    '[Rooms](acme.md)',
    '`rooms`',
    'JWT (ES256)',
    'from documentation',
    'user',
    '600 s, at most 3,600 s',
    '`room` (listed values), `color`, `expires_in_seconds`',
    '`accessToken`',
    'nothing',
  ]);
});

test.each<[string, Partial<RecipeInput>, string, string]>([
  [
    'a request',
    { steps: [mint], answer: { token: { token: '{mint.a}' }, expiry: { in: '{mint.b}' } } },
    'request',
    'as the vendor decides',
  ],
  [
    'an HMAC and a digest',
    {
      steps: [
        { as: 'one', sign: { hmac: 'sha256', key: '{secrets.key}', message: 'a', encoding: 'hex' } },
        { as: 'other', sign: { digest: 'sha1', message: 'a', encoding: 'hex' } },
        { set: { token: '{one}' } },
      ],
      answer: { token: { token: '{token}' }, expiry: 'unknown' },
    },
    'HMAC (sha256), digest',
    'unknown',
  ],
  [
    'two requests',
    { steps: [mint, { ...mint, as: 'second' }], answer: { token: { token: '{mint.a}' }, expiry: { seconds: 60 } } },
    'request',
    '60 s',
  ],
])('renderRecipeTable describes %s', (_what, changes, mechanism, life) => {
  const row = rowOf(place('rooms', { ...changes, life: undefined, parameters: {} }));
  expect([row[2], row[5], row[6]]).toEqual([mechanism, life, 'nothing']);
});

test('a recipe counts as equal only with a recording of its own, and as verified only with a test of its own', () => {
  const proofOf = (files: Readonly<Record<string, string>>) => rowOf(place('rooms'), files)[3];
  const recording = JSON.stringify({ oracle, cases: [] });
  const verification = "import { jwtVerify } from 'jose';\nimport { roomsRecipe } from './rooms.recipe.ts';";
  expect(proofOf({ [`${folder}/rooms/fixtures/rooms.json`]: recording })).toBe(
    'equal to rooms-sdk 1.2.3 on 2026-11-28',
  );
  expect(proofOf({ [`${folder}/rooms/fixtures/rooms-other.json`]: recording })).toBe('from documentation');
  expect(proofOf({ [`${folder}/rooms/rooms.test.ts`]: verification })).toBe('verified by jose');
  expect(proofOf({ [`${folder}/rooms/other.test.ts`]: verification.replace('rooms.', 'other.') })).toBe(
    'from documentation',
  );
});

test('listRecipeVendors names each vendor once, by what the titles of its recipes have in common', () => {
  const recipes = [
    place('a-one', { title: 'Acme Pay (one)' }, 'a'),
    place('a-two', { title: 'Acme Pay Terminal' }, 'a'),
    place('b', { title: 'Big Rooms' }),
  ];
  expect(listRecipeVendors(recipes)).toEqual(['Acme Pay', 'Big Rooms']);
});
