import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { policyClaim, principalWith } from '../testing/recipe-connection.ts';
import { startVendorServer } from '../testing/vendor-server.ts';
import { defineRecipe } from './define-recipe.ts';

const headers = { authorization: 'Bearer {secrets.apiKey}' };
const acme = defineRecipe({
  id: 'acme',
  title: 'Acme',
  secrets: { apiKey: { description: 'The key.' } },
  baseUrl: 'https://api.acme.example',
  parameters: { profile: { description: 'The profile.', type: 'json', from: 'policy', optional: true } },
  subject: { characters: 'A-Za-z0-9_-', max: 64, otherwise: 'refuse' },
  binding: 'user',
  keep: 'never',
  ensure: {
    rule: 'create-once-and-store',
    create: { method: 'POST', path: '/users', headers },
    userId: '{created.id}',
  },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/tokens/{user.id}',
        headers,
        form: { profile: '{parameters.profile}', text: '{parameters.profile | canonical-json}' },
      },
    },
  ],
  answer: { token: { token: '{mint.token}' }, expiry: 'unknown' },
  sample: { mint: { token: 'sample' } },
});

async function connect(json: object, profile: unknown = { claim: policyClaim }) {
  const server = await startVendorServer({ json });
  const options = acme.options.parse({ apiKey: 'sample-key', baseUrl: server.url, set: { profile } });
  const vendor = acme.create(options, { clock: createVirtualClock() });
  const close = async () => {
    await vendor.close();
    await server[Symbol.asyncDispose]();
  };
  return { vendor, server, [Symbol.asyncDispose]: close };
}

const nested = (open: string, close: string): unknown => JSON.parse(`${open.repeat(6_000)}1${close.repeat(6_000)}`);
const filled = { own: [`{claim:${policyClaim}}`], whole: `{claim:${policyClaim}}` };

test.each([
  ['lists of thousands of levels', nested('[', ']'), undefined],
  ['objects of thousands of levels', nested('{"a":', '}'), undefined],
  ['objects of thousands of levels in a filled value', nested('{"a":', '}'), { whole: filled.whole }],
  ['a lone surrogate', { name: '\ud800' }, undefined],
  ['a name of a lone surrogate', { '\udfff': 1 }, undefined],
  ['a text with a bracket in a filled list', 'a],[b', filled],
  ['an object in a filled list', { admin: true }, filled],
  ['a text with a space in a filled list', 'a b', filled],
])('a claim of %s is refused before the vendor is called', async (_what, claim, profile) => {
  await using connection = await connect({ token: 'vendor-token' }, profile);
  const principal = { ...principalWith('alice'), claims: { [policyClaim]: claim } };
  const issued = connection.vendor.issue?.issue({ principal, vendorUserId: 'alice', parameters: {} } as never);
  await expect(issued).rejects.toMatchObject({ code: 'forbidden', reason: 'claim:profile' });
  expect(connection.server.calls).toEqual([]);
});

test.each([
  '',
  '..',
  'a/b',
  'a\r\nb',
  'a b',
  'é',
  'x'.repeat(65),
  'x'.repeat(100_000),
  -1.5e300,
  null,
  true,
  ['a'],
  { a: 1 },
])('a new user whose id the vendor names %j is not stored', async (id) => {
  await using connection = await connect({ id });
  const ensured = connection.vendor.users?.ensureUser?.('alice', {});
  await expect(ensured).rejects.toMatchObject({ code: 'vendor_response_invalid', reason: 'field:user_id' });
});

test('a new user has the id that the vendor names, as a text or as a number', async () => {
  for (const id of ['cus_1', 7]) {
    await using connection = await connect({ id });
    expect(await connection.vendor.users?.ensureUser?.('alice', {})).toEqual({ vendorUserId: `${id}`, created: true });
  }
});
