import { expect, test } from 'vitest';
import { checkRecipe } from './check-recipe.ts';

// A recipe of an author who is careless. Each test changes one place, which must be refused before a token is minted.
const jwt = { header: { alg: 'HS256' }, claims: { sub: '{user.id}', exp: '{expiry}' }, key: '{secrets.apiKey}' };
const sign = { hmac: 'sha256', key: '{secrets.apiKey}', message: '{user.id}', encoding: 'hex' };
const description = 'A description.';

interface Draft {
  readonly [part: string]: unknown;
  readonly steps?: readonly object[];
}

/** Returns a valid recipe whose parts are replaced. `more` are steps after its own one. */
function recipeOf({ more = [], ...changes }: Draft & { readonly more?: readonly object[] }): unknown {
  return {
    id: 'acme',
    title: 'Acme',
    secrets: { apiKey: { description } },
    parameters: {
      label: { description, from: 'caller', optional: true },
      kind: { description, from: 'caller', values: ['a', 'ab'] },
      count: { description, type: 'number', from: 'caller', default: 1 },
      tags: { description, type: 'list', characters: 'a-z', from: 'policy', optional: true },
    },
    subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'hash' },
    binding: 'user',
    keep: 'never',
    life: { default: 60, max: 600 },
    answer: { token: { token: '{token}' }, expiry: 'asked' },
    steps: [
      { set: { all: ['{parameters.label}', '{parameters.kind}', '{parameters.count}', '{parameters.tags}'] } },
      { as: 'token', jwt },
      ...more,
    ],
    ...changes,
  };
}

function problemsOf(recipe: unknown): readonly string[] {
  const check = checkRecipe(recipe);
  return 'problems' in check ? check.problems.map(({ field, message }) => `${field}: ${message}`) : [];
}

const signed = (message: string) => ({ more: [{ as: 'signature', sign: { ...sign, message } }] });
const claimed = (claims: object) => ({
  more: [{ as: 'second', jwt: { ...jwt, claims: { ...jwt.claims, ...claims } } }],
});
const called = (http: object) => ({
  baseUrl: 'https://api.acme.example',
  more: [{ as: 'mint', http: { method: 'GET', path: '/', ...http } }],
  sample: { mint: {} },
});
const withdrawn = (json: object, set: object = {}) => ({
  baseUrl: 'https://api.acme.example',
  revoke: { set, http: { method: 'POST', path: '/revoke', json } },
});
const secretOf = (type: string) => ({ apiKey: { description }, other: { description, type } });
const agora = {
  codec: 'agora-007',
  appId: 'a',
  certificate: '{secrets.apiKey}',
  channel: 'lobby',
  user: '{user.id}',
  privileges: ['join'],
};
const both = { description, from: 'caller', authorize: true, optional: true };
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

test('accepts the recipe from which the refused ones differ in one place', () => {
  expect(problemsOf(recipeOf({}))).toEqual([]);
});

test.each<[string, Draft & { readonly more?: readonly object[] }, RegExp]>([
  // Two values that run into each other: `a` + `bob` and `ab` + `ob` would be signed alike.
  ['a choice of the caller before the name of the user', signed('{parameters.kind}{user.id}'), /without a separator/],
  ['a number before the life', signed('{parameters.count}{life}'), /without a separator/],
  ['a moment between two foreign texts', signed('{user.id}{now}{parameters.kind}'), /without a separator/],
  ['a letter as the separator', signed('{user.id}x{parameters.label}'), /itself have the separator "x"/],
  [
    'a list under another name in a signed text',
    { more: [{ set: { tags: '{parameters.tags}' } }, { as: 'signature', sign: { ...sign, message: '{tags}' } }] },
    /a list where a text belongs/,
  ],
  [
    'two names within a segment of the path',
    called({ path: '/users/{user.id}-{user.id}' }),
    /itself have the separator "-"/,
  ],
  ['a header of two lines', called({ headers: { 'x-a': 'a\r\nx-b: c' } }), /no header can have/],
  ['a body of a GET', called({ json: { a: 1 } }), /a GET has none/],
  [
    'a withdrawal that doubled braces let name no user',
    withdrawn({ user: '{{user.id}}' }),
    /withdraws the tokens of one user/,
  ],
  [
    'a withdrawal whose user is only in an unused value',
    withdrawn({ user: 'all' }, { who: '{user.id}' }),
    /withdraws the tokens of one user/,
  ],
  // What may be absent takes the rest of its text with it.
  ['a name that an absent parameter takes away', claimed({ pair: '{user.id} {parameters.label}' }), /separator " "/],
  [
    'a name beside an absent parameter',
    claimed({ pair: '{user.id}:{parameters.label | uri}' }),
    /leaves out another value/,
  ],
  ['a listed parameter that a caller may leave out', { parameters: { both } }, /both `authorize` and `optional`/],
  // The user.
  [
    'doubled braces, which name no user',
    { steps: [{ as: 'token', jwt: { ...jwt, claims: { ...jwt.claims, sub: '{{user.id}}' } } }] },
    /must read \{user\.id\}/,
  ],
  [
    'a user that only an unused value names',
    { steps: [{ set: { who: '{user.id}' } }, { as: 'token', jwt: { ...jwt, claims: { exp: '{expiry}' } } }] },
    /depends on \{user\.id\}/,
  ],
  [
    'a user that only another result names',
    { answer: { token: { token: '{second}' }, expiry: 'asked' }, ...claimed({ sub: 'all' }) },
    /depends on \{user\.id\}/,
  ],
  [
    'doubled braces around a result',
    { answer: { token: { token: '{{token}}{user.id}' }, expiry: 'asked' } },
    /must begin with the result/,
  ],
  // Secrets.
  [
    'a secret as the channel of a token',
    { more: [{ as: 'second', codec: { ...agora, channel: '{secrets.apiKey}' } }] },
    /channel: puts a secret/,
  ],
  [
    'the digest of a secret in the answer',
    {
      more: [{ as: 'second', sign: { digest: 'sha256', message: 'a{secrets.apiKey}', encoding: 'hex' } }],
      answer: { token: { token: '{token}', key: '{second}' }, expiry: 'asked' },
    },
    /a secret into the answer/,
  ],
  [
    'a text as a private key',
    { more: [{ as: 'second', jwt: { ...jwt, header: { alg: 'RS256' } } }] },
    /RS256 needs rsa-private-key/,
  ],
  [
    'a private key as a text',
    { secrets: secretOf('p256-private-key'), more: [{ as: 'second', jwt: { ...jwt, key: '{secrets.other}' } }] },
    /HS256 needs text or base64/,
  ],
  [
    'an RSA key for an elliptic curve',
    {
      secrets: secretOf('rsa-private-key'),
      more: [{ as: 'second', jwt: { ...jwt, header: { alg: 'ES256' }, key: '{secrets.other}' } }],
    },
    /ES256 needs p256-private-key/,
  ],
  [
    'a private key of an HMAC',
    { secrets: secretOf('rsa-private-key'), more: [{ as: 'second', sign: { ...sign, key: '{secrets.other}' } }] },
    /a private key, which only signs/,
  ],
  [
    'a payload that is not encoded',
    { more: [{ as: 'second', jwt: { ...jwt, header: { alg: 'HS256', b64: false, crit: ['b64'] } } }] },
    /header\.b64: is no member/,
  ],
  // What a caller may not decide, in any spelling.
  ...[
    'ROLE',
    'USER_ID',
    'userID',
    'userid',
    'https://acme.example/role',
    'app.role',
    'room',
    'channelName',
    'groups',
    'teamId',
    'moderator',
    'filters',
    'allowPublish',
  ]
    .map(
      (name) =>
        [`the field ${name} from a caller`, claimed({ [name]: '{parameters.label}' }), /lets a caller decide/] as const,
    )
    .map(([what, draft, rule]) => [what, draft, rule] as [string, Draft, RegExp]),
  [
    'a role behind another parameter',
    {
      parameters: { label: { description, from: 'caller' }, role: { description, from: 'caller' } },
      steps: [{ set: { all: ['{parameters.label}', '{parameters.role}'] } }, { as: 'token', jwt }],
    },
    /decide `role`/,
  ],
  // Times.
  ['a date of a foreign text', claimed({ since: '{parameters.label | iso-date}' }), /no time of the broker/],
  ['a date of a number from a caller', claimed({ since: '{parameters.count | iso-date}' }), /no time of the broker/],
  ['milliseconds of a foreign text', claimed({ since: '{user.id | milliseconds}' }), /no time of the broker/],
  ['a life that becomes longer in minutes', claimed({ minutes: '{life | minutes}' }), /life\.min: must be at least 60/],
  ['a life that no step reads', { steps: [{ as: 'token', sign }], parameters: {} }, /^life: is read by no step/],
  // Names that every object has, and sizes that would make the check slow.
  [
    'a parameter named as a member of every object',
    { parameters: { constructor: { description, from: 'policy', optional: true } } },
    /every object has/,
  ],
  ['an option named as a member of every object', { options: { toString: { description } } }, /every object has/],
  ['a value with thousands of levels', claimed({ deep: nested(100_000) }), /more than 24 levels/],
  [
    'a text of a megabyte',
    claimed({ long: `{user.id | text${' '.repeat(1_000_000)}x}` }),
    /more than 32768 characters/,
  ],
  ['a hundred thousand values', claimed({ many: Array.from({ length: 100_000 }, () => 1) }), /more than 20000 values/],
  [
    'an unclosed filter of thousands of spaces',
    claimed({ long: `{user.id | text${' '.repeat(30_000)}x}` }),
    /unknown filter/,
  ],
  ['a text that is not Unicode', claimed({ text: '\ud800' }), /not Unicode/],
  [
    'a header with letters of other alphabets',
    {
      options: { team: { description, characters: 'A-Zü' } },
      baseUrl: 'https://api.acme.example',
      more: [{ as: 'mint', http: { method: 'GET', path: '/', headers: { 'x-team': '{options.team}' } } }],
      sample: { mint: {} },
    },
    /puts a text into a header/,
  ],
  [
    'a range across control characters',
    { subject: { characters: 'A-ÿ', max: 64, otherwise: 'hash' } },
    /control character/,
  ],
  [
    'JSON of an SDK that a foreign text can change',
    {
      answer: { token: { token: '{token}' }, details: { label: '{all | json}' }, expiry: 'asked' },
      endpoint: { respond: { body: '{{"token":"{token.token}","label":"{token.label}"}}' } },
    },
    /itself have the separator/,
  ],
])('refuses %s', (_what, draft, expected) => {
  expect(problemsOf(recipeOf(draft))).toContainEqual(expect.stringMatching(expected));
});

test.each<[string, Draft & { readonly more?: readonly object[] }]>([
  ['a withdrawal that a named value lets name the user', withdrawn({ user: '{who}' }, { who: '{user.id}' })],
  ['a separator that neither value can have', signed('{user.id}:{parameters.count}')],
  [
    'a digest of a secret beside what changes',
    {
      more: [{ as: 'second', sign: { digest: 'sha256', message: '{secrets.apiKey}:{now}', encoding: 'hex' } }],
      answer: { token: { token: '{token}', key: '{second}' }, expiry: 'asked' },
    },
  ],
  [
    'times as dates and as whole minutes',
    {
      life: { default: 60, min: 60, max: 600 },
      ...claimed({ since: '{now | iso-date}', minutes: '{life | minutes}' }),
    },
  ],
  [
    'a set of sixty thousand characters, sixty times',
    { subject: { characters: `A-Za-z0-9${'\u0100-\ud7ff'.repeat(60)}`, max: 64, otherwise: 'hash' } },
  ],
])('accepts %s', (_what, draft) => {
  expect(problemsOf(recipeOf(draft))).toEqual([]);
});
