import { gzipSync } from 'node:zlib';
import { Secret, ValetKeyError, type IssuedToken } from '@valetkey/core-types';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { startVendorServer, type PlannedResponse, type VendorServer } from '../testing/vendor-server.ts';
import { defineRecipe } from './define-recipe.ts';
import type { RecipeInput } from './recipe-schema.ts';

const headers = { authorization: 'Bearer {secrets.apiKey}' };

/** A recipe that writes the first response of the vendor into every part of a second request, and into a token. */
const recipe = (read: 'json' | 'text' | 'xml' = 'json') =>
  ({
    id: 'acme',
    title: 'Acme',
    secrets: { apiKey: { description: 'The key.' } },
    baseUrl: 'https://api.acme.example',
    binding: 'account',
    keep: 'never',
    life: { default: 60, max: 600 },
    steps: [
      { as: 'first', http: { method: 'GET', path: '/first', headers, read } },
      { as: 'signed', sign: { hmac: 'sha256', key: '{secrets.apiKey}', message: '{first.id}', encoding: 'hex' } },
      {
        as: 'second',
        http: {
          method: 'POST',
          path: '/second/{first.id | base64url}',
          query: { id: '{first.id}' },
          headers: { ...headers, 'x-id': '{first.id | uri}' },
          json: { whole: '{first}', life: '{life}', canonical: '{first | canonical-json}', fields: '{first | query}' },
          read,
        },
      },
      {
        as: 'jwt',
        jwt: { header: { alg: 'HS256' }, claims: { extra: '{first}', exp: '{expiry}' }, key: '{secrets.apiKey}' },
      },
    ],
    answer: {
      token: { token: '{second.token}', jwt: '{jwt}', signed: '{signed}' },
      details: { id: '{first.id}' },
      expiry: { at: '{second.expires_at}' },
    },
    sample: { first: {}, second: {} },
  }) as const satisfies RecipeInput;

const secret = 'canary-current-0123456789abcdef';
const next = 'canary-next-0123456789abcdef';
let server: VendorServer;
beforeAll(async () => {
  server = await startVendorServer({ json: {} });
});
afterAll(() => server[Symbol.asyncDispose]());

async function mint(read: 'json' | 'text' | 'xml', ...responses: [PlannedResponse, ...PlannedResponse[]]) {
  const vendor = defineRecipe(recipe(read));
  const switched: unknown[] = [];
  const client = vendor.create(vendor.options.parse({ apiKey: { current: secret, next }, baseUrl: server.url }), {
    clock: createVirtualClock(),
    onEvent: (event: unknown) => switched.push(event),
  } as never);
  server.calls.length = 0;
  server.respond(...responses);
  const principal = { issuer: 'https://id.example.com', subject: 'alice', scopes: [], claims: {} };
  try {
    return { token: (await client.issue?.issue({ principal, parameters: {} } as never)) as IssuedToken, switched };
  } catch (error) {
    return { error, switched };
  } finally {
    await client.close();
  }
}

const good = { json: { id: 'a', token: 'vendor-token', expires_at: 4_102_444_800 } };
const second = (fields: object) => [good, { json: { ...good.json, ...fields } }] as const;
const nested = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);
const text = (body: string) => [{ text: body }] as const;
const html = { headers: { 'content-type': 'text/html' }, text: '<html>canary-of-vendor</html>' };

test.each<[string, readonly [PlannedResponse, ...PlannedResponse[]], string]>([
  ['ten megabytes', text(`"${'x'.repeat(10_000_000)}"`), 'vendor_response_invalid'],
  [
    'ten megabytes, compressed',
    [
      (response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(10_000_000, 0x20))),
    ],
    'vendor_response_invalid',
  ],
  ['lists of a hundred thousand levels', text(nested('[', ']', 100_000)), 'vendor_response_invalid'],
  [
    'objects of thirty thousand levels',
    text(`{"id":${nested('{"a":', '}', 30_000).replace('}', '1}')}}`),
    'vendor_response_invalid',
  ],
  [
    'a list of a thousand levels as the token',
    [good, ...text(`{"token":${nested('[', ']', 1_000)}}`)],
    'vendor_response_invalid',
  ],
  ['a lone surrogate', text('{"id":"\\ud800"}'), 'vendor_response_invalid'],
  ['a lone surrogate as a name', text('{"id":"a","\\udfff":1}'), 'vendor_response_invalid'],
  ['no id', [{ json: {} }], 'vendor_response_invalid'],
  ['no JSON', text('<html>canary-of-vendor</html>'), 'vendor_response_invalid'],
  ['nothing', text(''), 'vendor_response_invalid'],
  ['null', text('null'), 'vendor_response_invalid'],
  ['a prototype instead of fields', text('{"__proto__":{"id":"a","token":"t"}}'), 'vendor_response_invalid'],
  ['no token', second({ token: undefined }), 'vendor_response_invalid'],
  ['a token with a line break', second({ token: 'a\r\nset-cookie: b' }), 'vendor_response_invalid'],
  ['a token of an object', second({ token: { a: 'b' } }), 'vendor_response_invalid'],
  ['a token of a list', second({ token: ['a'] }), 'vendor_response_invalid'],
  ['an empty token', second({ token: '' }), 'vendor_response_invalid'],
  ['a token of a hundred kilobytes', second({ token: 'x'.repeat(100_000) }), 'vendor_response_invalid'],
  ['an expiry in the past', second({ expires_at: 1 }), 'vendor_response_invalid'],
  ['a redirect', [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }], 'vendor_response_invalid'],
  ['a page of HTML with 401', [{ status: 401, ...html }], 'vendor_unavailable'],
  ['a page of HTML with 403', [good, { status: 403, ...html }], 'vendor_unavailable'],
  ['401 to both secrets', [{ status: 401, json: { error: 'canary-of-vendor' } }], 'vendor_auth_failed'],
  ['500', [{ status: 500, json: { error: 'canary-of-vendor' } }], 'vendor_unavailable'],
  [
    'a cut body',
    [
      (response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{"id"');
        setImmediate(() => response.destroy());
      },
    ],
    'vendor_unavailable',
  ],
])('a vendor that sends %s results in an error of the table and switches no secret', async (_what, responses, code) => {
  const { error, switched } = await mint('json', ...responses);
  expect(ValetKeyError.isInstance(error) && error.code).toBe(code);
  expect(`${String((error as Error).message)} ${JSON.stringify(error)}`).not.toMatch(/canary/);
  expect(switched).toEqual([]);
});

test.each([
  ['not a moment', 'soon', undefined],
  ['absent', undefined, undefined],
  ['an object', { seconds: 1 }, undefined],
  ['as large as a number can be', 1e308, 30 * 86_400],
])('an expiry that is %s is unknown or bounded', async (_what, expires, expected) => {
  const { token } = await mint('json', ...second({ expires_at: expires }));
  expect(token?.expiresInSeconds).toBe(expected);
});

test.each(['a\r\nx-evil: 1', 'a/../../admin', 'a?b=c#d', '{secrets.apiKey}', '%2e%2e', '😀', ' '])(
  'the text %j of a vendor adds nothing to the next request',
  async (id) => {
    const { token, error } = await mint('json', { json: { ...good.json, id } });
    const [, call] = server.calls;
    const url = new URL(call?.path ?? '', 'http://vendor.example');
    expect(url.pathname).toBe(`/second/${Buffer.from(id).toString('base64url')}`);
    expect([...url.searchParams]).toEqual([['id', id]]);
    expect(call?.headers['x-id']).toBe(encodeURIComponent(id));
    expect(call?.headers['x-evil']).toBeUndefined();
    expect(JSON.parse(call?.body ?? '')).toMatchObject({ whole: { id }, life: 60 });
    // A line break is sent as data, but is never part of an answer.
    const result = token?.fields['id'] ?? (error as ValetKeyError).reason;
    expect(result).toBe(id.includes('\r') ? 'field:id' : id);
  },
);

test.each(['an object', 'a list'])('%s where a text is expected becomes no further field of a query', async (what) => {
  const id = what === 'a list' ? ['a', 'b'] : { admin: 'true' };
  const { error } = await mint('json', { json: { ...good.json, id } });
  expect(error).toMatchObject({ code: 'vendor_response_invalid' });
  expect(server.calls.filter(({ path }) => path.includes('admin') || path.includes('[')).length).toBe(0);
});

test('a response with a field of a prototype changes no object', async () => {
  const { token } = await mint('json', {
    text: '{"id":"a","token":"t","expires_at":4102444800,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  });
  expect(token?.fields['token']).toBeInstanceOf(Secret);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

const doctype =
  '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>';
test.each([
  ['entities of entities', `${doctype}<id>&c;</id>`],
  ['an entity of a file', '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><id>&a;</id>'],
  ['thousands of levels', nested('<a>', '</a>', 36_000)],
  ['an unclosed tag', '<id>'],
  ['a tag of a prototype', '<__proto__><polluted>yes</polluted></__proto__>'],
  ['no XML', 'canary-of-vendor'],
])('XML with %s becomes no token and is never expanded', async (_what, body) => {
  const { error } = await mint('xml', { text: body });
  expect(error).toMatchObject({ code: 'vendor_response_invalid' });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  for (const { body: sent } of server.calls) expect(sent).not.toMatch(/a{20}/);
});
