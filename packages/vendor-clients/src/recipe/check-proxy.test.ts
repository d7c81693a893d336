import { expect, test } from 'vitest';
import { checkRecipe } from './check-recipe.ts';

const valid = {
  id: 'acme-proxy',
  title: 'Acme',
  secrets: { apiKey: { description: 'The key.' } },
  options: {
    models: { description: 'The models.', type: 'list', characters: 'A-Za-z0-9._-' },
    region: { description: 'The region.', values: ['eu', 'us'] },
    maxTokens: { description: 'The most tokens.', type: 'number', optional: true },
    names: { description: 'Names of any form.', type: 'list' },
  },
  baseUrl: 'https://{options.region}.acme.example',
  proxy: {
    carriers: [{ header: 'authorization', scheme: 'Bearer' }, { header: 'x-acme-key' }],
    inject: { authorization: 'Bearer {secrets.apiKey}' },
    headers: ['acme-version'],
    calls: [
      {
        method: 'POST',
        paths: ['/v1/models/{options.models}:generate'],
        query: { alt: { in: ['sse'], optional: true } },
        freeQuery: ['language'],
        body: {
          '/max': { max: '{options.maxTokens}' },
          '/name': { in: '{options.names}' },
          '/tools': { each: { only: ['type'], fields: { '/type': { in: ['function'] } } }, optional: true },
          '/account': { never: true },
        },
      },
    ],
  },
  verify: { method: 'GET', path: '/v1/models', headers: { authorization: 'Bearer {secrets.apiKey}' } },
};

/** Returns a copy of the valid recipe with another value at a path. */
function recipeWith(path: string, value: unknown): unknown {
  const recipe = structuredClone(valid);
  const names = path.split('>');
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

const call = 'proxy>calls>0';

test.each([
  // A recipe either issues tokens or forwards calls.
  ['steps beside proxy', 'steps', [], /^steps: cannot be in a recipe with `proxy`/],
  ['an answer beside proxy', 'answer', {}, /^answer: cannot be/],
  ['an endpoint beside proxy', 'endpoint', {}, /^endpoint: cannot be/],
  ['a binding beside proxy', 'binding', 'user', /^binding: cannot be/],
  ['parameters beside proxy', 'parameters', {}, /^parameters: cannot be/],
  ['neither steps nor proxy', 'proxy', undefined, /^steps: is missing: a recipe has either/],
  ['no base URL', 'baseUrl', undefined, /^baseUrl/],
  ['an unknown field', 'proxy>colour', 'red', /colour/],
  ['no calls', 'proxy>calls', [], /^proxy.calls/],
  // Where the app's token stands.
  ['no place for the token', 'proxy>carriers', [], /^proxy.carriers/],
  ['authorization without a scheme', 'proxy>carriers', [{ header: 'authorization' }], /must have `scheme`/],
  ['a scheme in another header', 'proxy>carriers', [{ header: 'x-key', scheme: 'Bearer' }], /has a scheme/],
  ['the scheme Basic', 'proxy>carriers', [{ header: 'authorization', scheme: 'Basic' }], /scheme/],
  ['a header twice', 'proxy>carriers', [{ header: 'x-key' }, { header: 'x-key' }], /a second time/],
  ['a cookie as the token', 'proxy>carriers', [{ header: 'cookie' }], /that HTTP or the broker sets/],
  ['the proof as the token', 'proxy>carriers', [{ header: 'dpop' }], /that HTTP or the broker sets/],
  // What is injected.
  ['nothing injected', 'proxy>inject', {}, /must read a secret/],
  [
    'an option injected',
    'proxy>inject',
    { 'x-a': '{secrets.apiKey}', 'x-b': '{options.region}' },
    /which is not known here/,
  ],
  ['a caller injected', 'proxy>inject', { 'x-a': '{secrets.apiKey}', 'x-b': '{user.id}' }, /which is not known here/],
  ['an injected header that HTTP sets', 'proxy>inject', { host: '{secrets.apiKey}' }, /is a header that HTTP/],
  ['a key of another form', 'secrets>apiKey>type', 'base64', /must be `text`/],
  ['a host of an open option', 'baseUrl', 'https://{options.names}.acme.example', /^baseUrl/],
  // Which headers of a caller pass.
  ['a cookie', 'proxy>headers', ['cookie'], /^proxy.headers.0/],
  ['the authorization of a caller', 'proxy>headers', ['authorization'], /^proxy.headers.0/],
  ['the header of the token', 'proxy>headers', ['x-acme-key'], /^proxy.headers.0/],
  ['the key of another vendor', 'proxy>headers', ['x-goog-api-key'], /^proxy.headers.0/],
  ['a token', 'proxy>headers', ['x-auth-token'], /^proxy.headers.0/],
  ['another method', 'proxy>headers', ['x-http-method-override'], /^proxy.headers.0/],
  ['another client address', 'proxy>headers', ['x-forwarded-for'], /^proxy.headers.0/],
  ['an upgrade', 'proxy>headers', ['upgrade'], /^proxy.headers.0/],
  ['a header in capitals', 'proxy>headers', ['Acme-Version'], /lower-case/],
  // Calls.
  ['another method', `${call}>method`, 'DELETE', /method/],
  ['a path without a slash', `${call}>paths`, ['v1'], /must begin with a slash/],
  ['a path with dots', `${call}>paths`, ['/v1/../x'], /must be a path such as/],
  ['a path with a query', `${call}>paths`, ['/v1?x=1'], /must be a path such as/],
  ['a path of a claim', `${call}>paths`, ['/v1/{claim:model}'], /without a claim/],
  ['an unknown option in the path', `${call}>paths`, ['/v1/{options.other}'], /not other/],
  ['an option of any form in the path', `${call}>paths`, ['/v1/{options.names}'], /not names/],
  ['a text option in the path', `${call}>paths`, ['/v1/{options.region}'], /not region/],
  ['two options in the path', `${call}>paths`, ['/{options.models}/{options.models}'], /only one option/],
  ['a key in the query', `${call}>freeQuery`, ['key'], /a credential or an address/],
  ['a token in the query', `${call}>query`, { access_token: { optional: true } }, /a credential or an address/],
  ['an address in the query', `${call}>freeQuery`, ['callback'], /a credential or an address/],
  ['a parameter that is bound and free', `${call}>freeQuery`, ['alt'], /which `query` binds/],
  ['the body of a GET', `${call}>method`, 'GET', /a GET has no body/],
  // Rules.
  ['a rule that bounds nothing', `${call}>body`, { '/name': { in: '{options.names}' }, '/a': {} }, /exactly one of/],
  ['two rules in one', `${call}>body>/max`, { max: 1, never: true }, /exactly one of/],
  ['a pointer without a slash', `${call}>body`, { model: { never: true } }, /body/],
  ['a pointer with an unknown escape', `${call}>body`, { '/a~2': { never: true } }, /body/],
  ['values of a text option', `${call}>body>/name`, { in: '{options.region}' }, /type `list`, not region/],
  ['a bound of a list option', `${call}>body>/max`, { max: '{options.names}' }, /type `number`, not names/],
  ['a bound of a secret', `${call}>body>/max`, { max: '{secrets.apiKey}' }, /body/],
  ['a refused field that may be absent', `${call}>body>/account`, { never: true, optional: true }, /no effect/],
  ['members without a rule', `${call}>body>/tools`, { each: {} }, /must have `only` or `fields`/],
  ['a member whose rule bounds nothing', `${call}>body>/tools`, { each: { fields: { '/a': {} } } }, /exactly one of/],
  // Names.
  [
    'an option that nothing reads',
    'options>spare',
    { description: 'x', optional: true },
    /^options.spare: is read nowhere/,
  ],
  ['an option of every recipe', 'options>timeoutMs', { description: 'x' }, /is an option of every recipe/],
  ['an option with the name of a secret', 'options>apiKey', { description: 'x' }, /is the name of a secret/],
  ['a secret in the path of the probe', 'verify>path', '/{secrets.apiKey}', /puts a secret into the path/],
  ['a secret in an error', 'proxy>refuse', { error: '{secrets.apiKey}' }, /which is not known here/],
])('refuses %s', (_what, path, value, expected) => {
  expect(problemsOf(recipeWith(path, value))).toContainEqual(expect.stringMatching(expected));
});
