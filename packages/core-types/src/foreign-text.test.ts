import { describe, expect, test } from 'vitest';
import { isSameIdentifier, parseForeignJson } from './foreign-text.ts';

const mark = '\uFEFF';

describe('parseForeignJson', () => {
  test.each<[string, string | Buffer, unknown]>([
    ['JSON without a byte order mark', '{"a":1}', { a: 1 }],
    ['JSON after a byte order mark', `${mark}{"a":1}`, { a: 1 }],
    ['JSON between white space, after a byte order mark', `${mark}\r\n {"a":1}\n`, { a: 1 }],
    ['the last of two members with one name', '{"a":1,"a":2}', { a: 2 }],
    ['a byte order mark inside a text', `{"a":"${mark}b"}`, { a: `${mark}b` }],
    ['the bytes of JSON', Buffer.from('{"a":"ü"}'), { a: 'ü' }],
    ['the bytes of JSON after the three bytes of a byte order mark', Buffer.from(`${mark}[]`), []],
  ])('reads %s', (_spelling, text, value) => {
    expect(parseForeignJson(text)).toEqual(value);
  });

  test.each<[string, string | Buffer]>([
    ['an empty text', ''],
    ['a byte order mark alone', mark],
    ['two byte order marks', `${mark}${mark}{"a":1}`],
    ['a byte order mark after white space', ` ${mark}{"a":1}`],
    ['JSON in UTF-16, little-endian', Buffer.from(`${mark}{"a":1}`, 'utf16le')],
    ['JSON in UTF-16, big-endian', Buffer.from(`${mark}{"a":1}`, 'utf16le').swap16()],
    ['a NUL after the JSON', '{"a":1}\0'],
    ['HTML', `${mark}<html></html>`],
  ])('refuses %s', (_spelling, text) => {
    expect(() => parseForeignJson(text)).toThrow(SyntaxError);
  });

  test('reads the bytes of a view into a larger buffer', () => {
    const bytes = Buffer.from(`xx${mark}{"a":1}xx`);
    expect(parseForeignJson(bytes.subarray(2, bytes.length - 2))).toEqual({ a: 1 });
  });
});

const lower = '0f9b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d';
const upper = lower.toUpperCase();

test.each<[unknown, unknown, boolean]>([
  [lower, lower, true],
  [lower, upper, true],
  [upper, lower, true],
  [lower, lower.replace('0f', '1f'), false],
  [lower, `{${upper}}`, false],
  [lower, lower.replaceAll('-', ''), false],
  [lower, `${upper} `, false],
  ['Alice', 'Alice', true],
  ['Alice', 'alice', false],
  ['patient-AB', 'patient-ab', false],
  [`user-${lower}`, `user-${upper}`, false],
  [lower, undefined, false],
  [undefined, undefined, false],
  [7, 7, false],
  ['7', 7, false],
])('%j and %j are the same identifier: %s', (one, other, isSame) => {
  expect(isSameIdentifier(one, other)).toBe(isSame);
});
