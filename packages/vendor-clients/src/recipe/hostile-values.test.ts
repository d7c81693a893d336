import { Secret, ValetKeyError, type Principal, type Vendor } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { connectionOf, loadRecipes, plainText, principalWith, valueOf } from '../testing/recipe-connection.ts';
import { startVendorServer, type RecordedCall, type VendorServer } from '../testing/vendor-server.ts';
import { defineRecipe } from './define-recipe.ts';
import { recipeSchema, type Recipe, type RecipeInput } from './recipe-schema.ts';

// Texts that change the meaning of a header, a path, a query, a form, JSON, a list of scopes or a template.
const hostileTexts = [
  'a\r\nx-evil: 1', 'a b', 'read write', '../admin', '..', '.', '%2e%2e%2f', 'a%2fb', 'a/b', 'a\\b', 'a?b=c', 'a#b', 'a&b=c',
  'a=b', 'a;b', 'a,b', 'a:b', 'a"b', "a'b", '{secrets.apiKey}', '{{}}', '}{', '__proto__', 'constructor', '\u0000', 'a\u2028b',
  'é', '😀', '\ud800', 'a[b]', 'x'.repeat(10_000), ' ', '', 'vkh0123456789abcdef0123456789abcdef', '-1', '1e9', 'null',
]; // prettier-ignore
const hostile = fc.oneof(fc.constantFrom(...hostileTexts), fc.string({ unit: 'binary', maxLength: 40 }), fc.string());

/** A recipe that puts a person's name and every kind of parameter into every place that accepts it. */
const everywhere: RecipeInput = {
  id: 'everywhere',
  title: 'Everywhere',
  secrets: { apiKey: { description: 'The key.' } },
  baseUrl: 'https://api.everywhere.example',
  parameters: {
    room: { description: 'The room.', from: 'caller', authorize: true, characters: 'A-Za-z0-9._~-' },
    label: { description: 'The label.', from: 'caller', optional: true },
    tags: { description: 'The tags.', type: 'list', characters: 'a-z', from: 'caller', optional: true },
    note: { description: 'The note.', from: 'policy', optional: true },
  },
  subject: { characters: 'printable', max: 200, otherwise: 'hash' },
  binding: 'user',
  keep: 'never',
  life: { default: 60, max: 600 },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'POST',
        path: '/v1/rooms/{parameters.room}/{user.id | base64url}',
        query: { label: '{parameters.label}', note: '{parameters.note}' },
        headers: {
          authorization: 'Bearer {secrets.apiKey}',
          'x-person': '{user.id | uri}',
          'x-room': '{parameters.room}',
        },
        json: {
          person: '{user.id}',
          label: '{parameters.label}',
          scope: 'room:{parameters.room} read',
          tags: '{parameters.tags | join( )}',
        },
      },
    },
    {
      as: 'form',
      http: {
        method: 'POST',
        path: '/v1/form',
        form: { person: '{user.id}', nested: { label: '{parameters.label}' } },
      },
    },
    {
      as: 'jwt',
      jwt: {
        header: { alg: 'HS256' },
        claims: { sub: '{user.id}', note: '{parameters.note}', label: '{parameters.label}', exp: '{expiry}' },
        key: '{secrets.apiKey}',
      },
    },
  ],
  answer: { token: { token: '{jwt}' }, expiry: 'asked' },
  sample: { mint: { ok: true }, form: { ok: true } },
};

interface Attempt {
  readonly principal: Principal;
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What the broker sent and returned, without the values: two attempts with other values must have the same shape. */
type Shape = readonly unknown[];

async function mintShape(
  vendor: Vendor,
  server: VendorServer,
  { principal, name, parameters }: Attempt,
): Promise<Shape | undefined> {
  server.calls.length = 0;
  const { issue, users } = vendor;
  // Without names of its own, the vendor gives the ids: the operator may map any.
  const vendorUserId = users === undefined ? name : users.nameOf?.(name);
  if (issue === undefined || (issue.bound === 'user' && vendorUserId === undefined)) return undefined;
  const { success, data } = issue.parameters.safeParse(parameters);
  if (!success) return undefined;
  try {
    const token = await issue.issue({ principal, parameters: data, vendorUserId } as never);
    const fields = Object.entries(token.fields).map(
      ([field, value]) => [field, value instanceof Secret ? value.reveal() : value] as const,
    );
    return [server.calls.map(shapeOfCall), fields.map(([field, text]) => [field, shapeOfToken(text)])];
  } catch (error) {
    // A text that cannot be sent is refused by an error of the table, never by a raw one.
    if (ValetKeyError.isInstance(error) && error.code !== 'internal') return undefined;
    throw error;
  }
}

function shapeOfCall({ method, path, headers, body }: RecordedCall): Shape {
  const url = new URL(path, 'http://vendor.example');
  const names = Object.keys(headers).filter((name) => name !== 'content-length');
  const words = names.map((name) => String(headers[name]).split(' ').length);
  return [
    method,
    path.split('?')[0]?.split('/').length,
    url.pathname.split('/').length,
    [...url.searchParams.keys()],
    names,
    words,
    shapeOfBody(body),
  ];
}

function shapeOfBody(body: string): unknown {
  if (body === '') return '';
  return body.startsWith('{') ? shapeOfValue(JSON.parse(body)) : [...new URLSearchParams(body).keys()];
}

/** Returns the names of the fields, and the number of words of a list of scopes. */
function shapeOfValue(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return name === 'scope' ? value.split(' ').length : 'text';
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value).map(([field, member]) => [field, shapeOfValue(member, field)]);
}

function shapeOfToken(text: string): unknown {
  const parts = text.split('.');
  const [header = '', payload = ''] = parts;
  if (parts.length !== 3 || !header.startsWith('eyJ')) return 'text';
  const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  return [decode(header), shapeOfValue(decode(payload))];
}

/** Returns parameters that the recipe accepts: every one that a caller may set. */
function plainParameters({ parameters }: Recipe): Record<string, unknown> {
  const entries = Object.entries(parameters).filter(([, { from }]) => from === 'caller');
  return Object.fromEntries(entries.map(([name, parameter]) => [name, valueOf(parameter)]));
}

describe.each([everywhere, ...(await loadRecipes())].map((input) => [input.id, input] as const))('%s', (_id, input) => {
  const recipe = recipeSchema.parse(input);
  const texts = Object.entries(recipe.parameters).filter(([, { from, type }]) => from === 'caller' && type === 'text');

  test('hostile names, claims and parameters add no header, path, field, scope or user', async () => {
    await using server = await startVendorServer({ choose: ({ path }) => sampleFor(recipe, path) });
    const vendor = defineRecipe(input);
    const open = vendor.create(vendor.options.parse(connectionOf(input, server.url)), { clock: createVirtualClock() });
    const plain = plainParameters(recipe);
    const name = plainText(recipe.subject?.characters, recipe.subject?.max);
    const usual = await mintShape(open, server, { principal: principalWith('abc'), name, parameters: plain });
    expect(usual).toBeDefined();

    await fc.assert(
      fc.asyncProperty(
        hostile,
        fc.array(hostile, { minLength: texts.length, maxLength: texts.length }),
        fc.boolean(),
        async (text, values, isNameHostile) => {
          const changed = Object.fromEntries(texts.map(([parameter], index) => [parameter, values[index]]));
          const attempt = isNameHostile
            ? { name: text, parameters: plain }
            : { name, parameters: { ...plain, ...changed } };
          const shape = await mintShape(open, server, {
            principal: principalWith(isNameHostile ? 'abc' : text),
            ...attempt,
          });
          expect(shape ?? usual).toEqual(usual);
          // Whatever was refused, nothing was sent to another place.
          for (const { path } of server.calls)
            expect(new URL(path, 'http://vendor.example').pathname).toBe(path.split('?')[0]);
        },
      ),
      {
        numRuns: 60,
        examples: hostileTexts.flatMap((text) =>
          [true, false].map((isName) => [text, texts.map(() => text), isName] as [string, string[], boolean]),
        ),
      },
    );
    await open.close();
  });

  test('two people never have one name', () => {
    const { users } = defineRecipe(input).create(
      defineRecipe(input).options.parse(connectionOf(input, 'https://api.example.com')),
    );
    const nameOf = (person: string) => users?.nameOf?.(person);
    fc.assert(
      fc.property(hostile, hostile, (one, other) => {
        // A person may choose a name that looks like the one that another person has at the vendor.
        const people = [...new Set([one, other, nameOf(one) ?? one, one.toUpperCase(), one.toLowerCase(), `${one} `])];
        const names = people.map(nameOf).filter((name) => name !== undefined);
        expect(new Set(names).size).toBe(names.length);
      }),
    );
  });
});

/** Returns the sample of the step whose path has the same first segments. */
function sampleFor({ steps, sample }: Recipe, path: string): unknown {
  const step = steps.find((one) => 'http' in one && path.startsWith(one.http.path.split('{')[0] ?? ''));
  return step !== undefined && 'as' in step ? sample[step.as] : {};
}
