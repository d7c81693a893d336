import { assert, constantFrom, option, property, record, string } from 'fast-check';
import { expect, test } from 'vitest';
import { copyTokenKey, isSameTokenKey, tokenKeyText } from './token-key.ts';

const part = option(string({ unit: constantFrom('a', '-', ':', '1', '0', '\u0000') }), { nil: undefined });
const anyKey = record({
  vendor: string({ unit: constantFrom('a', '-', ':', '1') }),
  connection: part,
  client: part,
  scope: part,
  resource: part,
  secretVersion: part,
});

test('two keys have the same text only if they are the same key', () => {
  assert(
    property(anyKey, anyKey, (one, other) => {
      expect(tokenKeyText(one) === tokenKeyText(other)).toBe(isSameTokenKey(one, other));
    }),
    { numRuns: 2000 },
  );
});

test.each(['vendor', 'connection', 'client', 'scope', 'resource', 'secretVersion'] as const)(
  'keys with a different %s are different keys',
  (name) => {
    const key = { vendor: 'v', connection: 'n', client: 'c', scope: 's', resource: 'r', secretVersion: '1' };
    const other = { ...key, [name]: 'other' };
    expect(isSameTokenKey(key, { ...key })).toBe(true);
    expect(isSameTokenKey(key, other)).toBe(false);
    expect(tokenKeyText(key)).not.toBe(tokenKeyText(other));
  },
);

test('tokenKeyText adds text for a connection at the end, and none if there is no connection', () => {
  const key = { vendor: 'nymbl', client: 'client-1', scope: 'acme', secretVersion: '1' };
  expect(tokenKeyText(key)).toBe('5:nymbl8:client-14:acme-1:1');
  expect(tokenKeyText({ ...key, connection: undefined })).toBe('5:nymbl8:client-14:acme-1:1');
  expect(tokenKeyText({ ...key, connection: 'nymbl-eu' })).toBe('5:nymbl8:client-14:acme-1:18:nymbl-eu');
});

test('keys have different texts if the same letters are in different parts', () => {
  const texts = [
    { vendor: 'ab', client: 'c' },
    { vendor: 'a', client: 'bc' },
    { vendor: 'abc' },
    { vendor: 'abc', client: '' },
    { vendor: 'abc', connection: '' },
    { vendor: 'ab', connection: 'c' },
    { vendor: 'ab', scope: 'c' },
    { vendor: 'ab', resource: 'c' },
    { vendor: 'ab', secretVersion: 'c' },
  ].map(tokenKeyText);
  expect(new Set(texts).size).toBe(texts.length);
});

test.each(['vendor', 'connection', 'scope'])(
  'tokenKeyText throws a TypeError for a key whose %s is not text',
  (name) => {
    expect(() => tokenKeyText({ vendor: 'v', [name]: 7 })).toThrow(TypeError);
    expect(() => tokenKeyText({ vendor: 'v', [name]: null })).toThrow('Each part of a token key must be text.');
  },
);

test('a copy of a key is frozen and holds only the parts of the key', () => {
  const copy = copyTokenKey({ vendor: 'v', connection: 'n', scope: 's', other: 'x' } as never);
  expect(copy).toEqual({ vendor: 'v', connection: 'n', scope: 's' });
  expect(Object.isFrozen(copy)).toBe(true);
});
