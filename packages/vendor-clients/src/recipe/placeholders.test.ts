import { Secret } from '@valetkey/core-types';
import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { defineRecipe } from './define-recipe.ts';
import { fillPlaceholders, listPlaceholders } from './placeholders.ts';
import type { RecipeInput } from './recipe-schema.ts';

const search = {
  id: 'search',
  title: 'Search',
  secrets: { apiKey: { description: 'The key.' } },
  parameters: {
    filter: { description: 'The filter.', from: 'policy', max: 40 },
    fields: { description: 'The fields.', type: 'list', characters: 'a-z-', from: 'policy', optional: true },
    rules: { description: 'The rules.', type: 'json', from: 'policy', optional: true },
  },
  subject: { characters: 'A-Za-z0-9_-', max: 40, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 3_600 },
  steps: [
    {
      as: 'token',
      jwt: {
        header: { alg: 'HS256' },
        claims: {
          filter: '{parameters.filter}',
          fields: '{parameters.fields}',
          rules: '{parameters.rules}',
          sub: '{user.id}',
          exp: '{expiry}',
        },
        key: '{secrets.apiKey}',
      },
    },
  ],
  answer: { token: { token: '{token}' }, expiry: 'asked' },
} as const satisfies RecipeInput;

function open(set: object, recipe: RecipeInput = search) {
  const { options, create } = defineRecipe(recipe);
  return create(options.parse({ apiKey: 'sample-key', set }), { clock: createVirtualClock() });
}

async function issue(set: object, claims: Readonly<Record<string, unknown>> = {}) {
  const { issue: ability } = open(set);
  if (ability?.bound !== 'user') throw new Error('The recipe issues no token of a user.');
  const principal = { issuer: 'https://id.example.com', subject: 'auth0|7', scopes: [], claims };
  const { fields } = await ability.issue({ principal, vendorUserId: 'alice', parameters: {} });
  const token = fields['token'];
  return token instanceof Secret ? decodeJwt(token.reveal()) : undefined;
}

test('a value that the operator sets can have the id and the claims of the caller, in its texts and in its names', async () => {
  const set = {
    filter: 'owner:={user} && team:={claim:team}',
    fields: ['title', 'team-{claim:team}'],
    rules: { 'notes-{user}': { filter: 'owner = "{claim:sub}"' }, all: null, level: 3 },
  };
  expect(await issue(set, { team: 'red' })).toMatchObject({
    filter: 'owner:=alice && team:=red',
    fields: ['title', 'team-red'],
    rules: { 'notes-alice': { filter: 'owner = "auth0|7"' }, all: null, level: 3 },
  });
});

test.each([
  ['absent', undefined],
  ['empty', ''],
  ['a second condition', 'red || owner:=bob'],
  ['an operator without spaces', 'red||blue'],
  ['the end of a quoted text', 'red" OR "1'],
  ['a negation', '-red'],
  ['a star', '*'],
  ['a list', ['red']],
  ['another placeholder', '{user}'],
  ['too long for the parameter', 'r'.repeat(40)],
])('a caller whose claim is %s gets no token', async (_, team) => {
  await expect(issue({ filter: 'team:={claim:team}' }, { team })).rejects.toMatchObject({
    code: 'forbidden',
    reason: 'claim:filter',
  });
});

test('a member of a list is checked after it is filled', async () => {
  await expect(issue({ filter: 'all', fields: ['team-{claim:team}'] }, { team: 'Red' })).rejects.toMatchObject({
    reason: 'claim:fields',
  });
  expect(() => open({ filter: 'all', fields: ['Red'] })).toThrow(/fields/);
});

test('a connection names the claims in its values, so that the broker can ask for the one issuer that asserts them', () => {
  expect(open({ filter: 'team:={claim:team}', rules: { '{claim:org}': '{user}' } }).claims).toEqual([
    { option: 'set.filter', claim: 'team' },
    { option: 'set.rules', claim: 'org' },
  ]);
});

test('a claim in a value counts only from the issuer that the operator names', async () => {
  const rules = (issuer: string) => ({ value: { team: '{claim:team}', user: '{user}' }, issuer });
  const filter = { value: 'team:={claim:team}', issuer: 'https://id.example.com' };
  const set = { filter, rules: rules('https://id.example.com') };
  expect(await issue(set, { team: 'red' })).toMatchObject({
    filter: 'team:=red',
    rules: { team: 'red', user: 'alice' },
  });
  await expect(issue({ filter, rules: rules('https://other.example.com') }, { team: 'red' })).rejects.toMatchObject({
    reason: 'claim:rules',
  });
  expect(open(set).claims).toEqual([
    { option: 'set.filter', claim: 'team', issuer: 'https://id.example.com' },
    { option: 'set.rules', claim: 'team', issuer: 'https://id.example.com' },
  ]);
});

test('{user} is refused in a connection whose token names no user', () => {
  const { subject: _, ...withoutSubject } = search;
  const { sub: __, ...claims } = search.steps[0].jwt.claims;
  const account = {
    ...withoutSubject,
    binding: 'account',
    steps: [{ as: 'token', jwt: { ...search.steps[0].jwt, claims } }],
  } satisfies RecipeInput;
  expect(() => open({ filter: 'owner:={user}' }, account)).toThrow(/set\.filter|filter/);
  const listed = {
    ...account,
    parameters: {
      ...account.parameters,
      fields: { description: 'The fields.', from: 'caller', authorize: true },
    },
  } as const satisfies RecipeInput;
  const connection = { apiKey: 'sample-key', set: { filter: 'all' } };
  const { options } = defineRecipe(listed);
  expect(options.safeParse({ ...connection, allow: { fields: ['own-{user}'] } }).success).toBe(false);
  expect(options.safeParse({ ...connection, allow: { fields: ['own-{claim:sub}'] } }).success).toBe(true);
  expect(open({ filter: 'owner:={claim:sub}' }, account).claims).toEqual([{ option: 'set.filter', claim: 'sub' }]);
});

test('a text that is only a placeholder becomes the claim itself, of whatever type, but not as a member of a list', async () => {
  const set = { filter: 'all', rules: { name: '{claim:name}', level: '{claim:level}', teams: '{claim:teams}' } };
  const claims = { name: 'Zoë "Z" Smith', level: 3, teams: ['red', 'blue'] };
  expect(await issue(set, claims)).toMatchObject({ rules: claims });
  await expect(issue(set, { ...claims, level: undefined })).rejects.toMatchObject({ reason: 'claim:rules' });
  await expect(issue(set, { ...claims, level: null })).rejects.toMatchObject({ reason: 'claim:rules' });
  await expect(issue({ filter: '{claim:teams}' }, claims)).rejects.toMatchObject({ reason: 'claim:filter' });
  await expect(issue({ filter: 'all', rules: ['{claim:name}'] }, claims)).rejects.toMatchObject({
    reason: 'claim:rules',
  });
});

test('braces that are no placeholder stay as they are', () => {
  const text = '{"team":"{user.id}"} ${x} {} {claim:}';
  expect(listPlaceholders(text)).toEqual([]);
  expect(fillPlaceholders([text, 7, null, true], () => 'alice')).toEqual([text, 7, null, true]);
  expect(fillPlaceholders('{user}-{claim:n}', (what) => (what === 'user' ? '$&' : 7))).toBeUndefined();
  expect(fillPlaceholders('{user}-{claim:n}', (what) => (what === 'user' ? 'a' : 7))).toBe('a-7');
});
