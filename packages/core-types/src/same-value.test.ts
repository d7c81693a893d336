import { createSecretKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { Secret } from './credentials.ts';
import { isSameValue } from './same-value.ts';

const noop = () => undefined;
const keyOf = (text: string) => createSecretKey(Buffer.from(text));

test.each<[string, unknown, unknown]>([
  ['numbers', 1, 1],
  ['NaN', Number.NaN, Number.NaN],
  ['nested data', { list: [1, { text: 'a' }] }, { list: [1, { text: 'a' }] }],
  ['an absent part and one that is undefined', { one: 1, two: undefined }, { one: 1 }],
  ['secrets of one text', new Secret('a'), new Secret('a')],
  ['patterns', /a/i, /a/i],
  ['maps', new Map([['a', { one: 1 }]]), new Map([['a', { one: 1 }]])],
  ['sets', new Set(['a']), new Set(['a'])],
  ['one function', noop, noop],
  [
    'objects without a prototype',
    Object.assign(Object.create(null), { a: 1 }),
    Object.assign(Object.create(null), { a: 1 }),
  ],
  ['keys of one value', keyOf('a'), keyOf('a')],
])('isSameValue() returns true for %s', (_name, one, other) => {
  expect(isSameValue(one, other)).toBe(true);
  expect(isSameValue(other, one)).toBe(true);
});

class Opaque {
  readonly #part: string;

  constructor(part: string) {
    this.#part = part;
  }

  reveal() {
    return this.#part;
  }
}

test.each<[string, unknown, unknown]>([
  ['a number and a text', 1, '1'],
  ['an object and null', {}, null],
  ['an object and undefined', {}, undefined],
  ['a list and an object', [], {}],
  ['lists of different lengths', [1], [1, undefined]],
  ['lists of different items', [1], [2]],
  ['a further part', { one: 1 }, { one: 1, two: 2 }],
  ['secrets of different texts', { key: new Secret('a') }, { key: new Secret('b') }],
  ['different patterns', /a/, /a/i],
  ['different maps', new Map([['a', 1]]), new Map([['a', 2]])],
  ['a map and a set', new Map(), new Set()],
  ['two functions', () => undefined, () => undefined],
  ['keys of different values', keyOf('a'), keyOf('b')],
  ['objects of a class whose private parts cannot be seen', new Opaque('a'), new Opaque('a')],
])('isSameValue() returns false for %s', (_name, one, other) => {
  expect(isSameValue(one, other)).toBe(false);
  expect(isSameValue(other, one)).toBe(false);
});
