import { findRecipe, recipes } from '@valetkey/vendor-clients';
import { defineRecipe, issuesTokens, type RecipeInput, type RecipeVendor } from '@valetkey/vendor-clients/recipe';
import { expect, test } from 'vitest';
import { tryRecipe } from './recipe-trial.ts';
import { createTrialInput, type GivenInput } from './trial-input.ts';

const nothing: GivenInput = { user: 'alice', set: [], parameter: [] };

async function tryWith(vendor: RecipeVendor, given: Partial<GivenInput> = {}) {
  const input = createTrialInput(vendor, { ...nothing, ...given });
  return 'problems' in input ? input.problems : tryRecipe(vendor, input);
}

const issuing = Object.entries(recipes).filter(([, recipe]) => 'steps' in recipe);

test.each(issuing.map(([id]) => id))('the recipe %s of the catalog gets a token against its own sample', async (id) => {
  const vendor = findRecipe(id);
  if (vendor === undefined || !issuesTokens(vendor)) throw new Error('The catalog has no such recipe.');
  const trial = await tryWith(vendor);
  expect(trial).toMatchObject({ steps: vendor.recipe.steps.map(() => ({ does: expect.any(String) })) });
  const text = JSON.stringify(trial);
  for (const secret of Object.keys(vendor.recipe.secrets)) expect(text).not.toContain(`sample-${secret}-`);
});

const acme = {
  id: 'acme',
  title: 'Acme',
  secrets: { apiKey: { description: 'The key.' }, signingKey: { description: 'The other key.' } },
  options: {
    clientId: { description: 'The id.' },
    region: { description: 'The region.', values: ['eu', 'us'], default: 'eu' },
  },
  parameters: {
    room: { description: 'The room.', from: 'caller', authorize: true },
    count: { description: 'The count.', type: 'number', from: 'caller', optional: true, max: 5 },
    tags: { description: 'The tags.', type: 'list', from: 'policy', optional: true, max: 2 },
    role: { description: 'The role.', values: ['guest', 'host'], from: 'policy', default: 'guest' },
  },
  subject: { characters: 'a-z', max: 9, otherwise: 'refuse' },
  baseUrl: 'https://api.acme.example',
  binding: 'user',
  keep: 'never',
  life: { default: 600, max: 3_600 },
  steps: [
    { set: { basic: '{options.clientId}:{secrets.apiKey}', region: '{options.region}' } },
    {
      as: 'login',
      http: {
        method: 'POST',
        path: '/login',
        headers: { authorization: 'Basic {basic | base64}' },
        form: { tags: '{parameters.tags}', as: '{parameters.role}' },
      },
    },
    {
      as: 'assertion',
      jwt: { header: { alg: 'HS256' }, claims: { sub: '{user.id}', exp: '{expiry}' }, key: '{secrets.signingKey}' },
    },
    { as: 'check', sign: { digest: 'sha256', message: '{parameters.room}', encoding: 'hex' } },
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/rooms',
        json: {
          assertion: '{assertion}',
          key: '{secrets.apiKey}',
          room: '{parameters.room}',
          count: '{parameters.count}',
        },
      },
    },
  ],
  answer: { token: { token: '{mint.token}' }, expiry: { at: '{mint.expires}' } },
  sample: { login: { session: 'sample-session' }, mint: { token: 'acme_5f2c', expires: '2020-01-01T00:00:00Z' } },
} as const satisfies RecipeInput;

test('a trial shows what each step sent, received and signed, without a secret, a token or what was made of them', async () => {
  const trial = await tryWith(defineRecipe(acme), {
    set: ['clientId=client-1'],
    parameter: ['room=lobby', 'count=3', 'tags=a,b'],
  });
  expect(trial).toEqual({
    userId: 'alice',
    steps: [
      { name: 'basic, region', does: 'values', result: { basic: '[redacted]', region: 'eu' } },
      {
        name: 'login',
        does: 'request',
        sent: {
          method: 'POST',
          path: '/login',
          headers: { authorization: 'Basic [redacted]', 'content-type': 'application/x-www-form-urlencoded' },
          body: 'tags[0]=a&tags[1]=b&as=guest',
        },
        received: { status: 200, body: '{"session":"sample-session"}' },
      },
      {
        name: 'assertion',
        does: 'jwt',
        result: { header: { alg: 'HS256' }, claims: { sub: 'alice', exp: Date.UTC(2020, 0, 1) / 1_000 } },
      },
      { name: 'check', does: 'signature', result: expect.stringMatching(/^[0-9a-f]{64}$/) },
      {
        name: 'mint',
        does: 'request',
        sent: {
          method: 'POST',
          path: '/rooms',
          headers: { 'content-type': 'application/json' },
          body: '{"assertion":"[redacted]","key":"[redacted]","room":"lobby","count":3}',
        },
        received: { status: 200, body: '{"token":"[redacted]","expires":"2020-01-01T00:00:00Z"}' },
      },
    ],
    answer: { fields: { token: '[redacted]' }, expiresInSeconds: 600 },
  });
});

test.each<[string, Partial<GivenInput>, string, RegExp]>([
  ['an unknown option', { set: ['zone=a'] }, '--set', /names "zone"; known are clientId, region/],
  ['a secret', { set: ['apiKey=canary'] }, '--set', /cannot set the secret apiKey/],
  ['no value', { set: ['region'] }, '--set', /must be name=value/],
  ['an option that the recipe refuses', { set: ['region=mars'] }, '--set region', /`eu` or `us`/],
  ['an unknown parameter', { parameter: ['__proto__=a'] }, '--parameter', /known are room, count, tags, role/],
  ['a parameter of another type', { parameter: ['count=many'] }, '--parameter count', /number/],
  [
    'a parameter of the policy that is not listed',
    { parameter: ['role=king'] },
    '--parameter role',
    /one of guest, host/,
  ],
  ['a parameter of the policy above its limit', { parameter: ['tags=a,b,c'] }, '--parameter tags', /list, at most 2/],
  ['a parameter above its limit', { parameter: ['count=6'] }, '--parameter count', /5/],
])('a trial reports %s at its place, without the value of a secret', async (_what, given, place, rule) => {
  const problems = await tryWith(defineRecipe(acme), given);
  expect(problems).toEqual([{ field: place, message: expect.stringMatching(rule) }]);
  expect(JSON.stringify(problems)).not.toContain('canary');
});

test('a trial refuses a user whose id the vendor does not accept, and a sample without the token', async () => {
  await expect(tryWith(defineRecipe(acme), { user: 'A B' })).rejects.toThrow('Acme accepts no user');
  const sample = { ...acme.sample, mint: { expires: acme.sample.mint.expires } };
  await expect(tryWith(defineRecipe({ ...acme, sample }))).rejects.toMatchObject({ reason: 'field:token' });
});

test('a trial requests the access token of a service first and reads XML', async () => {
  const vendor = defineRecipe({
    id: 'voices',
    title: 'Voices',
    secrets: { clientSecret: { description: 'The secret.' } },
    options: { clientId: { description: 'The id.' } },
    service: {
      tokenUrl: 'https://id.voices.example/token',
      clientId: '{options.clientId}',
      clientSecret: '{secrets.clientSecret}',
    },
    baseUrl: 'https://api.voices.example',
    binding: 'account',
    keep: 'never',
    steps: [
      {
        as: 'mint',
        http: { method: 'POST', path: '/tokens', headers: { authorization: 'Bearer {service.token}' }, read: 'xml' },
      },
    ],
    answer: { token: { token: '{mint.Result.Token}' }, expiry: { in: '{mint.Result.Seconds}' } },
    sample: { mint: { Result: { Token: 'xml-token', Seconds: 60 } } },
  });
  expect(await tryWith(vendor)).toEqual({
    userId: undefined,
    steps: [
      {
        name: 'service',
        does: 'request',
        sent: expect.objectContaining({ method: 'POST', body: expect.stringContaining('client_secret=[redacted]') }),
        received: { status: 200, body: expect.stringContaining('"access_token":"[redacted]"') },
      },
      {
        name: 'mint',
        does: 'request',
        sent: { method: 'POST', path: '/tokens', headers: { authorization: 'Bearer [redacted]' }, body: '' },
        received: {
          status: 200,
          body: '<Result><Token>[redacted]</Token><Seconds>60</Seconds></Result>',
        },
      },
    ],
    answer: { fields: { token: '[redacted]' }, expiresInSeconds: 60 },
  });
});
