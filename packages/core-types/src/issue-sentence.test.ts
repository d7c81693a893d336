import { expect, test } from 'vitest';
import { z } from 'zod';
import { isMissing, toSentence } from './issue-sentence.ts';

/** Of a type whose name zod would quote. */
class Canary {
  readonly value = 1;
}

test.each<[z.ZodType, unknown, string]>([
  [z.string(), 1, 'must be a text, not a number'],
  [z.string(), null, 'must be a text, not null'],
  [z.string(), new Canary(), 'must be a text'],
  [z.number(), 'x', 'must be a number, not a text'],
  [z.number(), Number.NaN, 'must be a number'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.boolean(), 'x', 'must be true or false'],
  [z.array(z.string()), {}, 'must be a list, not an object'],
  [z.strictObject({}), [], 'must be an object, not a list'],
  [z.record(z.string(), z.string()), 'x', 'must be an object, not a text'],
  [z.date(), 'x', 'must be of the type date, not a text'],
  [z.never(), 'x', 'must be absent'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().min(16), 'x', 'must have at least 16 characters'],
  [z.string().length(1), 'xx', 'must have exactly 1 character'],
  [z.string().max(1), 'xx', 'must have at most 1 character'],
  [z.array(z.string()).min(1), [], 'must not be empty'],
  [z.array(z.string()).min(2), ['x'], 'must have at least 2 entries'],
  [z.array(z.string()).max(1), ['x', 'y'], 'must have at most 1 entry'],
  [z.set(z.string()).min(2), new Set(), 'must have at least 2 entries'],
  [z.number().min(3), 2, 'must be at least 3'],
  [z.number().positive(), 0, 'must be more than 0'],
  [z.number().max(3), 4, 'must be at most 3'],
  [z.number().negative(), 0, 'must be less than 0'],
  [z.bigint().min(3n), 2n, 'must be at least 3'],
  [z.string().startsWith('sk_'), 'x', 'must begin with `sk_`'],
  [z.string().endsWith('_x'), 'x', 'must end with `_x`'],
  [z.string().includes('.'), 'x', 'must contain `.`'],
  [z.string().regex(/^a+$/), 'x', 'must match the pattern /^a+$/'],
  [z.url(), 'x', 'must be a URL'],
  [z.email(), 'x', 'must be an email address'],
  [z.jwt(), 'x', 'must be a JWT'],
  [z.base64url(), '!', 'must be a valid base64url'],
  [z.enum(['a', 'b', 'c']), 'x', 'must be one of `a`, `b` or `c`'],
  [z.enum(['a', 'b']), 'x', 'must be `a` or `b`'],
  [z.literal(true), 'x', 'must be `true`'],
  [z.number().multipleOf(5), 7, 'must be a multiple of 5'],
  [
    z.record(z.string().min(3), z.string()),
    { x: 'x' },
    'has a name that cannot be used; it must have at least 3 characters',
  ],
  [z.map(z.literal(true), z.string()), new Map([[false, 'x']]), 'has a name that cannot be used; it must be `true`'],
  [
    z.map(z.object(), z.string()),
    new Map([[{}, 1]]),
    'has an entry that cannot be used; it must be a text, not a number',
  ],
  [z.set(z.string()), new Set([1]), 'must be a text, not a number'],
  [z.strictObject({}), { x: 1 }, 'has unknown fields'],
  [z.union([z.string(), z.number()]), true, 'has none of the allowed forms'],
  [z.xor([z.string(), z.string().min(1)]), 'x', 'fits several of the allowed forms, and must fit only one'],
  [
    z.discriminatedUnion('type', [z.object({ type: z.literal('a') }), z.object({ type: z.literal('b') })]),
    { type: 'x' },
    'must be `a` or `b`',
  ],
  [z.string().refine(() => false), 'x', 'cannot be used'],
  [z.custom<string>(() => false), 'x', 'cannot be used'],
  [z.string().refine(() => false, { error: 'must be a fruit' }), 'x', 'must be a fruit'],
  [z.int({ error: 'must be a port' }), 'x', 'must be a port'],
  [z.string().min(3, { error: 'is too short' }), 'x', 'is too short'],
])('toSentence describes problem %$ of the table in a plain sentence', (schema, value, expected) => {
  const [issue] = schema.safeParse(value).error?.issues ?? [];
  expect(issue && toSentence(issue)).toBe(expected);
});

test('isMissing tells an absent field from a field of another type', () => {
  const { error } = z.object({ a: z.string(), b: z.string() }).safeParse({ b: 1 });
  expect(error?.issues.map(isMissing)).toEqual([true, false]);
});
