import { assert, constantFrom, option, property, record, string } from 'fast-check';
import { expect, test } from 'vitest';
import { copyTokenKey, sameTokenKey, tokenKeyText } from './token-key.ts';

const part = option(string({ unit: constantFrom('a', '-', ':', '1', '0', '\u0000') }), { nil: undefined });
const anyKey = record({
  vendor: string({ unit: constantFrom('a', '-', ':', '1') }),
  client: part,
  scope: part,
  resource: part,
  secretVersion: part,
});

test('two keys have one text only if they are one key', () => {
  assert(
    property(anyKey, anyKey, (one, other) => {
      expect(tokenKeyText(one) === tokenKeyText(other)).toBe(sameTokenKey(one, other));
    }),
    { numRuns: 2000 },
  );
});

test.each(['vendor', 'client', 'scope', 'resource', 'secretVersion'] as const)('%s tells keys apart', (name) => {
  const key = { vendor: 'v', client: 'c', scope: 's', resource: 'r', secretVersion: '1' };
  const other = { ...key, [name]: 'other' };
  expect(sameTokenKey(key, { ...key })).toBe(true);
  expect(sameTokenKey(key, other)).toBe(false);
  expect(tokenKeyText(key)).not.toBe(tokenKeyText(other));
});

test('parts cannot run into one another', () => {
  const texts = [
    { vendor: 'ab', client: 'c' },
    { vendor: 'a', client: 'bc' },
    { vendor: 'abc' },
    { vendor: 'abc', client: '' },
    { vendor: 'ab', scope: 'c' },
    { vendor: 'ab', resource: 'c' },
    { vendor: 'ab', secretVersion: 'c' },
  ].map(tokenKeyText);
  expect(new Set(texts).size).toBe(texts.length);
});

test('refuses parts that are no text', () => {
  expect(() => tokenKeyText({ vendor: 7 as never })).toThrow(TypeError);
  expect(() => tokenKeyText({ vendor: 'v', scope: null as never })).toThrow('Each part of a token key must be text.');
});

test('a copy is frozen and holds nothing but the key', () => {
  const copy = copyTokenKey({ vendor: 'v', scope: 's', other: 'x' } as never);
  expect(copy).toEqual({ vendor: 'v', scope: 's' });
  expect(Object.isFrozen(copy)).toBe(true);
});
