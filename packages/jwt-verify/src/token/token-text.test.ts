import type { ClaimMark } from '@valetkey/core-types';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeMark, hasMark, isAcceptedValue, parseStrictObject } from './token-text.ts';

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
      expect(parseStrictObject(Buffer.from(text))).toEqual(JSON.parse(text));
    }),
  );
});

test('parseStrictObject refuses every object with a member written twice, at any depth', () => {
  fc.assert(
    fc.property(objects, fc.nat(), (value, position) => {
      const text = writeTwice(value, { members: position % countMembers(value) });
      expect(() => JSON.parse(text)).not.toThrow();
      expect(parseStrictObject(Buffer.from(text))).toBeUndefined();
    }),
  );
});

test.each(['', '{', 'null', '1', '"a"', '[]', 'true', '\ufeff{}', "{'a':1}", '{"a":1,}', '{"a":01}', '{}{}'])(
  'parseStrictObject refuses %j',
  (text) => {
    expect(parseStrictObject(Buffer.from(text))).toBeUndefined();
  },
);

test('parseStrictObject accepts 32 levels of objects and arrays, and refuses 33', () => {
  const nest = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  expect(parseStrictObject(Buffer.from(nest(32)))).toBeDefined();
  expect(parseStrictObject(Buffer.from(nest(33)))).toBeUndefined();
  expect(parseStrictObject(Buffer.from(`${'{"a":'.repeat(32)}1${'}'.repeat(32)}`))).toBeDefined();
  expect(parseStrictObject(Buffer.from(`${'{"a":'.repeat(33)}1${'}'.repeat(33)}`))).toBeUndefined();
  expect(parseStrictObject(Buffer.from(`{"a":[${Array(100).fill('[{}]').join(',')}]}`))).toBeDefined();
});

const claims = {
  sub: 'c-1',
  client_id: 'c-1',
  'https://example.com/session': { id: 's' },
  firebase: { sign_in_provider: 'anonymous', 'a.b': { c: 1 } },
  a: 'text',
  'a.b': { c: 2 },
  nothing: null,
};

test.each<[unknown, 'any' | (string | boolean)[], boolean]>([
  ['a', ['a', 'b'], true],
  [['x', 'b'], ['a', 'b'], true],
  ['c', ['a'], false],
  ['true', [true], false],
  [{}, ['a'], false],
  [{}, 'any', true],
  [null, 'any', false],
  [undefined, 'any', false],
])('isAcceptedValue of %j among %j is %s', (value, accepted, expected) => {
  expect(isAcceptedValue(value, accepted)).toBe(expected);
});

test.each<[ClaimMark, boolean, string]>([
  [{ claim: 'sub' }, true, 'the claim sub'],
  [{ claim: 'x' }, false, 'the claim x'],
  [{ claim: 'x', absent: true }, true, 'no x'],
  [{ claim: 'sub', absent: true }, false, 'no sub'],
  [{ claim: 'nothing', absent: true }, true, 'no nothing'],
  [{ claim: 'sub', values: ['c-1', 'd'] }, true, 'the sub c-1 or d'],
  [{ claim: 'sub', startsWith: 'c-' }, true, 'a sub that starts with c-'],
  [{ claim: 'x', startsWith: 'c-' }, false, 'a x that starts with c-'],
  [{ claim: 'sub', endsWith: '-1' }, true, 'a sub that ends with -1'],
  [{ claim: 'firebase', endsWith: '-1' }, false, 'a firebase that ends with -1'],
  [{ claim: 'sub', sameAs: 'client_id' }, true, 'a sub that is also its client_id'],
  [{ claim: 'sub', sameAs: 'x' }, false, 'a sub that is also its x'],
  [{ claim: 'y', sameAs: 'x' }, false, 'a y that is also its x'],
])('hasMark of %j is %s, and describeMark says "%s"', (mark, expected, words) => {
  expect(hasMark(claims, mark)).toBe(expected);
  expect(describeMark(mark)).toBe(words);
});
