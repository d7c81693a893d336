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

test('describeSchemaProblems writes the full path of a wrong field', () => {
  const schema = z.strictObject({ list: z.array(z.strictObject({ port: z.number() })) });
  expect(problemsFor(schema, { list: [{ port: 1 }, { port: 'x' }] })).toMatch(/^list\.1\.port: .*expected number/);
});

test('describeSchemaProblems reports an absent field as missing, and a field outside the schema as unknown', () => {
  const schema = z.strictObject({ name: z.string() });
  expect(problemsFor(schema, { nmae: 'a' })).toBe('name: is missing; nmae: is not a known field');
});

test('describeSchemaProblems writes no path for a mistake in the value as a whole', () => {
  expect(problemsFor(z.string().min(3, { error: 'must have 3 characters' }), 'ab')).toBe('must have 3 characters');
});

test.each([
  ['the alternative of the same type as the value', { current: 1 }, /^secret\.current: .*expected string/],
  [
    'the alternative with the fewest mistakes',
    { clientId: 'a', privateKey: 'b' },
    /^secret\.privateKey: must be a key$/,
  ],
  ['the first alternative if none has the same type as the value', 7, /^secret: .*expected string/],
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
