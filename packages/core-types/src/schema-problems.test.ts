import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeSchemaProblems, listSchemaProblems } from './schema-problems.ts';

function problemsFor(schema: z.ZodType, value: unknown): string {
  const { error } = schema.safeParse(value);
  if (error === undefined) throw new Error('The value is valid.');
  return describeSchemaProblems(error);
}

const slots = z.union([
  z.string(),
  z.strictObject({ current: z.string(), next: z.string().optional() }),
  z.strictObject({ clientId: z.string(), privateKey: z.string().refine(() => false, { error: 'must be a key' }) }),
]);

test('names the path of each wrong field', () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ port: z.number() })) });
  expect(problemsFor(schema, { list: [{ port: 1 }, { port: 'x' }] })).toMatch(/^list\.1\.port: .*expected number/);
});

test('calls an absent field missing and an unknown field unknown', () => {
  const schema = z.strictObject({ name: z.string() });
  expect(problemsFor(schema, { nmae: 'a' })).toBe('name: is missing; nmae: is not a known field');
});

test('reports a value that is wrong as a whole without a path', () => {
  expect(problemsFor(z.string().min(3, { error: 'must have 3 characters' }), 'ab')).toBe('must have 3 characters');
});

test.each([
  ['an alternative of the same type', { current: 1 }, /^secret\.current: .*expected string/],
  [
    'the alternative with the fewest mistakes',
    { clientId: 'a', privateKey: 'b' },
    /^secret\.privateKey: must be a key$/,
  ],
  ['some alternative where none has the type', 7, /^secret: .*expected string/],
])('reports of a union only %s', (_case, secret, expected) => {
  expect(problemsFor(z.strictObject({ secret: slots }), { secret })).toMatch(expected);
});

test('reports of two equally wrong alternatives the one that failed deeper', () => {
  const schema = z.union([z.strictObject({ a: z.string() }), z.strictObject({ a: z.strictObject({ b: z.string() }) })]);
  expect(problemsFor(schema, { a: { b: 1 } })).toMatch(/^a\.b: /);
});

test('never quotes the value', () => {
  const schema = z.strictObject({ a: z.enum(['x']), b: z.number().max(3), c: z.string().regex(/^y$/) });
  const { error } = schema.safeParse({ a: 'CANARY', b: 98_765, c: 'CANARY', CANARY_FIELD: 1 });
  const told = JSON.stringify(error && listSchemaProblems(error));
  expect(told).not.toContain('"CANARY"');
  expect(told).not.toContain('98765');
});
