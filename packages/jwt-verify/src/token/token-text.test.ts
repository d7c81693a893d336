import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStrictObject } from './token-text.ts';

/** Returns a value as JSON in which one member is written twice: the member that ends after `before.members` others. */
function writeTwice(value: unknown, before: { members: number }): string {
  if (Array.isArray(value)) return `[${value.map((child) => writeTwice(child, before)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).flatMap(([name, child]) => {
    const member = `${JSON.stringify(name)}:${writeTwice(child, before)}`;
    before.members -= 1;
    return before.members === -1 ? [member, member] : [member];
  });
  return `{${members.join(',')}}`;
}

function countMembers(value: unknown): number {
  return JSON.stringify(value, (_, child: unknown) => child)
    ? Object.values(Object(value)).reduce<number>(
        (sum, child) => sum + (typeof child === 'object' && child !== null ? countMembers(child) : 0),
        Array.isArray(value) ? 0 : Object.keys(Object(value)).length,
      )
    : 0;
}

const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { minKeys: 1, maxKeys: 6 });

test('parseStrictObject returns what JSON.parse returns for every object', () => {
  fc.assert(
    fc.property(objects, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(parseStrictObject(text)).toEqual(JSON.parse(text));
    }),
  );
});

test('parseStrictObject refuses every object with a member written twice, at any depth', () => {
  fc.assert(
    fc.property(objects, fc.nat(), (value, position) => {
      const text = writeTwice(value, { members: position % countMembers(value) });
      expect(() => JSON.parse(text)).not.toThrow();
      expect(parseStrictObject(text)).toBeUndefined();
    }),
  );
});

test.each(['', '{', 'null', '1', '"a"', '[]', 'true', '\ufeff{}', "{'a':1}", '{"a":1,}', '{"a":01}', '{}{}'])(
  'parseStrictObject refuses %j',
  (text) => {
    expect(parseStrictObject(text)).toBeUndefined();
  },
);

test('parseStrictObject accepts 32 levels of objects and arrays, and refuses 33', () => {
  const nest = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  expect(parseStrictObject(nest(32))).toBeDefined();
  expect(parseStrictObject(nest(33))).toBeUndefined();
  expect(parseStrictObject(`${'{"a":'.repeat(32)}1${'}'.repeat(32)}`)).toBeDefined();
  expect(parseStrictObject(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`)).toBeUndefined();
  expect(parseStrictObject(`{"a":[${Array(100).fill('[{}]').join(',')}]}`)).toBeDefined();
});
