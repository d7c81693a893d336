import { expect, test } from 'vitest';
import { checkRecipe } from './check-recipe.ts';

const valid = {
  id: 'acme',
  title: 'Acme',
  secrets: { apiKey: { description: 'The key.' } },
  options: {
    region: { description: 'The region.', values: ['eu', 'us'] },
    team: { description: 'The team.' },
  },
  baseUrl: 'https://{options.region}.acme.example',
  parameters: {
    room: { description: 'The room.', from: 'caller', authorize: true, characters: 'a-z0-9-' },
    label: { description: 'The label.', from: 'caller', optional: true },
    tags: { description: 'The tags.', type: 'list', from: 'caller', optional: true },
    count: { description: 'The count.', type: 'number', from: 'caller', default: 1 },
    note: { description: 'The note.', from: 'policy', optional: true },
  },
  subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 60, max: 600 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/rooms/{parameters.room}/tokens',
        headers: { authorization: 'Bearer {secrets.apiKey}' },
        json: {
          user: '{user.id}',
          label: '{parameters.label}',
          tags: '{parameters.tags}',
          count: '{parameters.count}',
          note: '{parameters.note}',
          team: '{options.team}',
        },
      },
    },
    { as: 'signature', sign: { hmac: 'sha256', key: '{secrets.apiKey}', message: '{user.id}', encoding: 'hex' } },
    {
      as: 'token',
      jwt: { header: { alg: 'HS256' }, claims: { sub: '{user.id}', exp: '{expiry}' }, key: '{secrets.apiKey}' },
    },
  ],
  answer: { token: { token: '{token}' }, details: { room: '{mint.room}' }, expiry: 'asked' },
  sample: { mint: { room: 'lobby' } },
};

/** Returns a copy of the valid recipe with another value at a path. */
function recipeWith(path: string, value: unknown): unknown {
  const recipe = structuredClone(valid);
  const names = path.split('.');
  const last = names.pop() ?? '';
  let place = recipe as unknown as Record<string, unknown>;
  for (const name of names) place = (place[name] ??= {}) as Record<string, unknown>;
  if (value === undefined) delete place[last];
  else place[last] = value;
  return recipe;
}

function problemsOf(recipe: unknown): readonly string[] {
  const check = checkRecipe(recipe);
  return 'problems' in check ? check.problems.map(({ field, message }) => `${field}: ${message}`) : [];
}

test('accepts the recipe from which the refused ones differ in one place', () => {
  expect(problemsOf(valid)).toEqual([]);
});

const http = 'steps.0.http';
const jwt = 'steps.2.jwt';
const signer = {
  signer: 'aws-sigv4',
  service: 'sts',
  region: 'eu',
  accessKeyId: 'id',
  secretAccessKey: '{secrets.apiKey}',
};

test.each([
  // The shape.
  ['an unknown field', 'colour', 'red', /colour/],
  ['an id that is no name', 'id', 'Acme Inc', /^id: must be lower-case/],
  ['the algorithm none', `${jwt}.header.alg`, 'none', /alg/],
  ['a redirect as a success', `${http}.expected`, [302], /expected/],
  ['a header with a capital letter', `${http}.headers.Authorization`, 'x', /headers/],
  ['a path without a slash', `${http}.path`, 'v1', /^steps.0.http.path: must begin with a slash/],
  ['an unclosed brace', `${http}.json.user`, '{user.id', /without a closing one/],
  ['a brace that closes nothing', `${http}.json.user`, 'user.id}', /without an opening one/],
  ['an unknown filter', `${http}.json.user`, '{user.id | rot13}', /unknown filter/],
  ['a filter with an argument that it does not take', `${http}.json.user`, '{user.id | base64(1)}', /argument/],
  ['a range that runs backwards', 'subject.characters', 'z-a', /runs backwards/],
  ['a control character', 'subject.characters', 'a\u0000', /control character/],
  // What a template may read.
  ['a value that is not known', `${http}.json.user`, '{claims.email}', /reads claims.email, which is not known/],
  ['a result of a later step', `${http}.json.user`, '{token}', /which is not known/],
  ['every secret at once', `${http}.json.user`, '{secrets}', /which is not known/],
  ['a parameter in the probe', 'verify', { method: 'GET', path: '/v1/{parameters.room}' }, /^verify.path: reads/],
  // Secrets.
  ['a secret in the path', `${http}.path`, '/v1/{secrets.apiKey}', /puts a secret into the path/],
  ['a secret in the query', `${http}.query`, { key: '{secrets.apiKey}' }, /puts a secret into the query/],
  ['a secret in a claim', `${jwt}.claims.kid`, '{secrets.apiKey}', /puts a secret into the claim/],
  ['an encoded secret in the answer', 'answer.details.key', '{secrets.apiKey | base64}', /a secret into the answer/],
  ['five characters of a secret', 'answer.details.key', '{secrets.apiKey | prefix(5)}', /a secret into the answer/],
  ['a key that is no secret', `${jwt}.key`, '{options.team}', /must be a secret/],
  [
    'a secret key of a request that is no secret',
    `${http}.sign`,
    { ...signer, secretAccessKey: 'abc' },
    /secretAccessKey: must be a secret alone/,
  ],
  ['a foreign id of an access key', `${http}.sign`, { ...signer, accessKeyId: '{parameters.note}/x' }, /separator/],
  // Text that changes the meaning of what is around it.
  ['a host of an open option', 'baseUrl', 'https://{options.team}.acme.example', /must read only options/],
  ['a host of a parameter', 'baseUrl', 'https://{parameters.room}.acme.example', /must read only options/],
  ['a free text in a header', `${http}.headers.x-label`, '{parameters.note}', /puts a text into a header/],
  ['an open option in a header', `${http}.headers.x-team`, '{options.team}', /puts a text into a header/],
  [
    'a response in a header',
    'steps.1',
    { as: 'next', http: { method: 'GET', path: '/', headers: { 'x-a': '{mint.a}' } } },
    /puts a text into a header/,
  ],
  ['a free text in the path', `${http}.path`, '/v1/{parameters.note}', /puts a text into the path/],
  ['an option in the path', `${http}.path`, '/v1/{options.team}', /puts a text into the path/],
  ['an empty segment', `${http}.path`, '/v1//x', /segment that is empty/],
  ['a segment of dots', `${http}.path`, '/v1/../x', /segment that is empty/],
  ['a query in the path', `${http}.path`, '/v1/x?admin=1', /without a query/],
  ['a header that HTTP sets', `${http}.headers.host`, 'evil.example', /is a header that HTTP/],
  ['a text with a space among scopes', `${http}.json.scope`, 'user:{parameters.note} read', /separator/],
  ['a text with a colon in a signed line', 'steps.1.sign.message', '{user.id}:{parameters.label}', /separator ":"/],
  [
    'JSON before the end of a signed line',
    'steps.1.sign.message',
    '{parameters.label | json}:{user.id}',
    /separator ":"/,
  ],
  ['JSON among scopes', `${http}.json.scope`, 'user:{parameters.note | json}', /separator/],
  ['two foreign texts side by side', 'steps.1.sign.message', '{user.id}{parameters.label}', /without a separator/],
  ['a list beside other text', 'steps.1.sign.message', 'x{parameters.tags}', /list/],
  ['a list in a signed text', 'steps.1.sign.message', '{parameters.tags}', /puts a list where a text belongs/],
  [
    'a joined list whose members may have the separator',
    `${http}.json.x`,
    '{parameters.tags | join( )}',
    /joins texts/,
  ],
  [
    'a foreign text in the header of a token',
    `${jwt}.header.kid`,
    '{user.id}',
    /foreign text into the header of a token/,
  ],
  // What a caller may not decide.
  ['a role from a caller', `${http}.json.role`, '{parameters.label}', /lets a caller decide `role`/],
  [
    'a nested grant from a caller',
    `${jwt}.claims.grants`,
    { x: '{parameters.count}' },
    /lets a caller decide `grants`/,
  ],
  ['a permission from a caller', `${jwt}.claims.video`, { canPublish: '{parameters.count}' }, /decide `canPublish`/],
  ['an audience from a caller', `${jwt}.claims.aud`, '{parameters.label}', /lets a caller decide `aud`/],
  ['a lifetime from a caller', `${http}.json.ttl`, '{parameters.count}', /lets a caller decide `ttl`/],
  [
    'a parameter that nothing reads',
    'parameters.spare',
    { description: 'x', from: 'policy', optional: true },
    /is read nowhere/,
  ],
  ['a path from a caller', `${http}.path`, '/v1/{parameters.count}', /lets a caller decide the path/],
  [
    'any JSON from a caller',
    'parameters.label',
    { description: 'x', type: 'json', from: 'caller', optional: true },
    /any JSON/,
  ],
  ['authorization of what the operator sets', 'parameters.note.authorize', true, /the operator sets it/],
  ['authorization of a number', 'parameters.count.authorize', true, /only a text can be listed/],
  ['a default that is refused', 'parameters.count.default', 'one', /would refuse/],
  [
    'a parameter named as the lifetime',
    'parameters.expires_in_seconds',
    { description: 'x', from: 'policy', optional: true },
    /of every recipe/,
  ],
  // The two rules of the types, and the expiry.
  ['a kept token of a user', 'keep', 'account', /^keep: must be `never`/],
  ['a token of a user without a rule for its id', 'subject', undefined, /^subject: is missing/],
  ['a hash that the vendor does not accept', 'subject.max', 20, /cannot be hashed/],
  ['a token without exp', `${jwt}.claims.exp`, undefined, /a token must expire/],
  ['an exp of its own', `${jwt}.claims.exp`, 4_102_444_800, /a token must expire/],
  ['a token that lives for ever', 'life', undefined, /^life: is missing/],
  ['a default life above the longest', 'life.default', 601, /^life: must have/],
  ['an answer that is no result', 'answer.token.token', '{parameters.room}', /must begin with the result of a step/],
  ['an answer without a token', 'answer.token', {}, /^answer.token: is empty/],
  // Names and parts.
  ['a token that a caller may widen', 'parameters.label.widens', true, /^parameters.label: cannot have `widens`/],
  ['a step with the name of another', 'steps.1.as', 'mint', /a second time/],
  ['a step with the name of a root', 'steps.1.as', 'user', /a second time/],
  ['an option with the name of a secret', 'options.apiKey', { description: 'x' }, /is the name of a secret/],
  ['an option that every recipe has', 'options.baseUrl', { description: 'x' }, /is an option of every recipe/],
  ['a request without a base URL', 'baseUrl', undefined, /^baseUrl: is missing/],
  ['a request without a sample', 'sample', {}, /^sample.mint: is missing/],
  ['a sample of no step', 'sample.other', {}, /^sample.other: is no step/],
  ['two bodies', `${http}.form`, { a: 'b' }, /only one of `json` and `form`/],
  ['a sum of two kinds', 'steps.1.sign.digest', 'sha1', /exactly one of `hmac`, `digest` and `signature`/],
  [
    'a signature with a text as its key',
    'steps.1.sign',
    { signature: 'ES256', key: '{secrets.apiKey}', message: '{user.id}', encoding: 'hex' },
    /ES256 needs p256-private-key/,
  ],
  [
    'a signature without a key',
    'steps.1.sign',
    { signature: 'ES256', message: '{user.id}', encoding: 'hex' },
    /`signature` and `key`/,
  ],
  ['an HMAC without a key', 'steps.1.sign.key', undefined, /`hmac` and `key`/],
  [
    'a conflict rule without its status',
    'ensure',
    { rule: 'exists-is-fine', create: { method: 'POST', path: '/u' }, userId: '{user.id}' },
    /^ensure.conflict/,
  ],
  [
    'a search without its request',
    'ensure',
    { rule: 'find-then-create', create: { method: 'POST', path: '/u' }, userId: '{user.id}' },
    /^ensure.find/,
  ],
  [
    'one status with two meanings',
    'errors',
    [
      { status: 404, code: 'forbidden', detail: 'a' },
      { status: 404, code: 'vendor_rejected', detail: 'b' },
    ],
    /a second time/,
  ],
])('refuses %s', (_what, path, value, expected) => {
  const problems = problemsOf(recipeWith(path, value));
  expect(problems).toContainEqual(expect.stringMatching(expected));
});

test('a token that works once is not kept', () => {
  const { subject: _subject, ...account } = valid;
  const problems = problemsOf({
    ...account,
    binding: 'account',
    keep: 'account',
    answer: { ...valid.answer, uses: 'once' },
  });
  expect(problems).toContain('keep: must be `never`: the token works only once');
});

test('a recipe whose ids the vendor gives creates no user', () => {
  const ensure = { rule: 'upsert', create: { method: 'POST', path: '/users' }, userId: '{user.id}' };
  const problems = problemsOf({ ...valid, ensure, subject: { ...valid.subject, givenBy: 'vendor' } });
  expect(problems).toContain('ensure: has no effect: the vendor gives the ids, which the operator maps');
});

test('a token of a user must name the user', () => {
  const recipe = recipeWith('steps', [
    { as: 'token', jwt: { header: { alg: 'HS256' }, claims: { exp: '{expiry}' }, key: '{secrets.apiKey}' } },
  ]);
  expect(problemsOf(recipe)).toContain('steps: must read {user.id}: the token of a user names the user');
});

test('a value that `set` names carries what it holds to later templates', () => {
  const steps = [{ set: { mixed: '{parameters.label}', key: '{secrets.apiKey}' } }, ...valid.steps];
  const withClaim = (claim: object) => [
    ...steps.slice(0, 3),
    { as: 'token', jwt: { ...valid.steps[2]?.jwt, claims: { sub: '{user.id}', exp: '{expiry}', ...claim } } },
  ];
  expect(problemsOf({ ...valid, steps })).toEqual([]);
  expect(problemsOf({ ...valid, steps: withClaim({ role: '{mixed}' }) })).toEqual([
    'steps.3.jwt.claims.role: lets a caller decide `role`: set `from` to `policy`, or set `authorize` of `label`',
  ]);
  expect(problemsOf({ ...valid, steps: withClaim({ x: '{key | sha256}' }) })).toEqual([
    'steps.3.jwt.claims.x: puts a secret into the claim',
  ]);
});

test('accepts JSON at the end of a signed line, where none of its signs separates parts', () => {
  expect(problemsOf(recipeWith('steps.1.sign.message', '{user.id}:{parameters.label | json}'))).toEqual([]);
});

test.each([
  ['parameters.room', 'No such room'],
  ['parameters.count', 'one'],
  ['options.region', 'cn'],
])('an example of %s that the field does not accept is reported', (place, example) => {
  expect(problemsOf(recipeWith(`${place}.example`, example))).toEqual([
    `${place}.example: is no value that the field accepts`,
  ]);
});

test('an access token of the service is a secret of the broker', () => {
  const service = { tokenUrl: 'https://id.acme.example', clientId: '{options.team}', clientSecret: '{secrets.apiKey}' };
  const answer = { ...valid.answer, details: { token: '{service.token}' } };
  expect(problemsOf({ ...valid, service, answer })).toEqual(['answer.details.token: puts a secret into the answer']);
  expect(problemsOf({ ...valid, service: { ...service, clientSecret: '{options.team}' } })).toEqual([
    'service.clientSecret: must be a secret',
  ]);
  expect(problemsOf({ ...valid, service: { ...service, tokenUrl: 'https://{user.id}.example' } })).toEqual([
    'service.tokenUrl: must read only options that have `values`, or `characters` that are `a-z0-9-`',
  ]);
});

const revoke = {
  set: { pair: '{options.team}:{secrets.apiKey}' },
  http: {
    method: 'POST',
    path: '/revoke',
    headers: { authorization: 'Basic {pair | base64}' },
    json: { user: '{user.id}' },
  },
};

test.each([
  [
    'a request that names no user',
    { revoke: { ...revoke, http: { ...revoke.http, json: {} } } },
    'revoke.http: must read {user.id}: it withdraws the tokens of one user',
  ],
  [
    'a parameter',
    { revoke: { ...revoke, http: { ...revoke.http, json: { user: '{user.id}', room: '{parameters.room}' } } } },
    'revoke.http.json.room: reads parameters.room, which is not known here',
  ],
  [
    'a secret in the path',
    { revoke: { ...revoke, http: { ...revoke.http, path: '/{pair}' } } },
    'revoke.http.path: puts a secret into the path',
  ],
  [
    'a name that exists',
    { revoke: { ...revoke, set: { ...revoke.set, now: '1' } } },
    'revoke.set.now: has the name of a value that exists',
  ],
])('refuses a withdrawal with %s', (_what, changes, problem) => {
  expect(problemsOf({ ...valid, revoke })).toEqual([]);
  expect(problemsOf({ ...valid, ...changes })).toContain(problem);
});
