import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeSchemaProblems, listSchemaProblems } from './schema-problems.ts';

function problemsFor(schema: z.ZodType, value: unknown): string {
  const { error } = schema.safeParse(value);
  if (error === undefined) throw new Error('The value is valid.');
  return describeSchemaProblems(error, schema, value);
}

const slots = z.union([
  z.string(),
  z.strictObject({ current: z.string(), next: z.string().optional() }),
  z.strictObject({ clientId: z.string(), privateKey: z.string().refine(() => false, { error: 'must be a key' }) }),
]);

test('describeSchemaProblems writes the full path of a wrong field', () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ port: z.number() })) });
  expect(problemsFor(schema, { list: [{ port: 1 }, { port: 'x' }] })).toMatch(
    /^list\.1\.port: must be a number, not a text$/,
  );
});

test('describeSchemaProblems reports an absent field as missing, and a field outside the schema as unknown', () => {
  const schema = z.strictObject({ name: z.string() });
  expect(problemsFor(schema, { other: 'a' })).toBe('name: is missing; other: is not a known field');
});

test('describeSchemaProblems writes no path for a mistake in the value as a whole', () => {
  expect(problemsFor(z.string().min(3, { error: 'must have 3 characters' }), 'ab')).toBe('must have 3 characters');
});

test.each([
  ['the alternative of the same type as the value', { current: 1 }, /^secret\.current: must be a text, not a number$/],
  [
    'the alternative with the fewest mistakes',
    { clientId: 'a', privateKey: 'b' },
    /^secret\.privateKey: must be a key$/,
  ],
  ['the types if no alternative has the type of the value', 7, /^secret: must be a text or an object$/],
])('describeSchemaProblems reports for a union only %s', (_case, secret, expected) => {
  expect(problemsFor(z.strictObject({ secret: slots }), { secret })).toMatch(expected);
});

test('describeSchemaProblems reports the alternative with the deeper mistake if two have equally many mistakes', () => {
  const schema = z.union([z.strictObject({ a: z.string() }), z.strictObject({ a: z.strictObject({ b: z.string() }) })]);
  expect(problemsFor(schema, { a: { b: 1 } })).toMatch(/^a\.b: /);
});

test('listSchemaProblems never quotes a value', () => {
  const schema = z.strictObject({ a: z.enum(['x']), b: z.number().max(3), c: z.string().regex(/^y$/) });
  const { error } = schema.safeParse({ a: 'CANARY', b: 98_765, c: 'CANARY', CANARY_FIELD: 1 });
  const text = JSON.stringify(error && listSchemaProblems(error));
  expect(text).not.toContain('"CANARY"');
  expect(text).not.toContain('98765');
});

test('listSchemaProblems reports a misspelt field once, with the field that it most likely means', () => {
  const schema = z.strictObject({
    apiKey: z.string(),
    list: z.array(z.strictObject({ issuer: z.string().optional() })),
  });
  expect(problemsFor(schema, { api_key: 'a', list: [{ isuser: 'b' }, { colour: 'c' }] })).toBe(
    'list.0.isuser: is not a known field; did you mean `issuer`?; list.1.colour: is not a known field; ' +
      'api_key: is not a known field; did you mean `apiKey`?',
  );
});

test.each([
  'sk-live-canary',
  'nk_canary_4242424242',
  `canary${'x'.repeat(40)}`,
  'canary key',
  'https://canary.example',
  '',
])('listSchemaProblems does not print the unknown field name %j, which may be a secret', (name) => {
  const schema = z.strictObject({ nested: z.strictObject({}), map: z.record(z.string(), z.number()) });
  const { error } = schema.safeParse({ nested: { [name]: 1 }, map: { [name]: 'x' } });
  expect(error && listSchemaProblems(error, schema)).toEqual([
    { field: 'nested', message: 'has an unknown field whose name may be a secret and is not shown' },
    { field: 'map.(hidden name)', message: 'must be a number, not a text' },
  ]);
});

test('listSchemaProblems counts the unknown fields that it does not name', () => {
  expect(problemsFor(z.strictObject({}), { 'a-1': 1, 'b-2': 2, colour: 3 })).toBe(
    'colour: is not a known field; has 2 unknown fields whose names may be a secret and are not shown',
  );
});

test('listSchemaProblems reports only the first mistake of a field', () => {
  const schema = z.strictObject({ key: z.string().min(3).regex(/^a/) });
  expect(problemsFor(schema, { key: 'b' })).toBe('key: must have at least 3 characters');
});

const store = z.union([
  z.strictObject({ sqlite: z.string() }),
  z.strictObject({ postgres: z.string(), size: z.int().optional() }),
]);
const nested = z.union([
  z.union([z.string().min(1), z.strictObject({ current: z.string() })]),
  z.strictObject({ clientId: z.string(), keyId: z.string() }).transform((client) => ({ client })),
]);
const source = z.union([
  z.strictObject({ claim: z.string() }),
  z.strictObject({ mapping: z.literal(true) }),
  z.strictObject({ ensure: z.union([z.literal(true), z.strictObject({ by: z.string() })]) }),
]);

test.each<[z.ZodType, unknown, string]>([
  [store, {}, 'set either `sqlite` or `postgres`'],
  [store, { sqlite: 'a', postgres: 'b' }, 'set either `sqlite` or `postgres`, not both'],
  [store, { sqlite: 'a', postgres: 'b', size: 1 }, 'set either `sqlite` or `postgres`, not both'],
  [store, { sqlite: 1 }, 'sqlite: must be a text, not a number'],
  [store, { sqlit: 'a' }, 'sqlit: is not a known field; did you mean `sqlite`?'],
  [store, { sqlite: 'a', size: 1 }, 'size: is not a known field'],
  [store, null, 'must be an object'],
  [nested, '', 'must not be empty'],
  [nested, {}, 'set either `current` or `clientId` and `keyId`'],
  [nested, 7, 'must be a text or an object'],
  [nested, { clientId: 'a' }, 'keyId: is missing'],
  [source, {}, 'set one of `claim`, `mapping` or `ensure`'],
  [source, { claim: 'a', mapping: true }, 'set one of `claim`, `mapping` or `ensure`, not several'],
  [source, { mapping: false }, 'mapping: must be `true`'],
  [source, { ensure: { by: 1 } }, 'ensure.by: must be a text, not a number'],
])('describeSchemaProblems explains what a union accepts, for value %$ of the table', (schema, value, expected) => {
  expect(problemsFor(schema.optional(), value)).toBe(expected);
});

const shapes = z.discriminatedUnion('shape', [
  z.strictObject({ shape: z.undefined().optional(), sides: z.number() }),
  z.strictObject({ shape: z.literal('circle'), radius: z.number() }),
  z.strictObject({ shape: z.literal('ring'), radii: z.number(), inner: z.strictObject({ width: z.number() }) }),
]);

test.each<[unknown, string]>([
  [{ shape: 'circle', radii: 1 }, 'list.0.radii: is not a known field; did you mean `radius`?'],
  [{ shape: 'circle', radius: 1, side: 4 }, 'list.0.side: is not a known field'],
  [{ side: 4 }, 'list.0.side: is not a known field; did you mean `sides`?'],
  [
    { shape: 'ring', radii: 1, inner: { widths: 1 } },
    'list.0.inner.widths: is not a known field; did you mean `width`?',
  ],
])('listSchemaProblems suggests for %j only a field of the alternative that the value selects', (shape, expected) => {
  expect(problemsFor(z.strictObject({ list: z.array(shapes) }), { list: [shape] })).toBe(expected);
});

test('listSchemaProblems suggests for an unknown field of a union only a field of the reported alternative', () => {
  const store = z.strictObject({
    store: z.union([
      z.strictObject({ file: z.string() }),
      z.strictObject({ url: z.string(), maxConnections: z.number().optional() }),
      z.union([z.strictObject({ memory: z.boolean(), limit: z.number() }), z.strictObject({ disk: z.boolean() })]),
    ]),
  });
  expect(problemsFor(store, { store: { file: 'a', maxConnection: 1 } })).toBe(
    'store.maxConnection: is not a known field',
  );
  expect(problemsFor(store, { store: { url: 'a', maxConnection: 1 } })).toBe(
    'store.maxConnection: is not a known field; did you mean `maxConnections`?',
  );
  expect(problemsFor(store, { store: { memory: true, limits: 1 } })).toBe(
    'store.limits: is not a known field; did you mean `limit`?',
  );
});

test('listSchemaProblems suggests a field of any alternative if the value selects none', () => {
  const value = { shape: 'circle', radii: 1 };
  const { error } = shapes.safeParse(value);
  expect(error && listSchemaProblems(error, shapes)).toContainEqual({
    field: 'radii',
    message: 'is not a known field; did you mean `radius`?',
  });
});

test('listSchemaProblems names the field that a misspelt one means in a schema that contains itself', () => {
  const node = z.strictObject({
    scope: z.string(),
    get inner() {
      return z.lazy(() => node).optional();
    },
  });
  const given = { scope: 'a', inner: { scop: 'b' } };
  const { error } = node.safeParse(given);
  expect(error && listSchemaProblems(error, node, given)).toEqual([
    { field: 'inner.scop', message: 'is not a known field; did you mean `scope`?' },
  ]);
});
