import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyedHash } from './keyed-hash.ts';

const expected = (key: string, text: string) => createHmac('sha256', key).update(text).digest('base64url');

test('createKeyedHash returns the HMAC of Node for every key and text', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 400 });
  fc.assert(
    fc.property(texts, fc.array(texts, { minLength: 1, maxLength: 5 }), (key, list) => {
      const keyedHash = createKeyedHash(key);
      for (const text of list) expect(keyedHash(text)).toBe(expected(key, text));
    }),
  );
});

test.each([0, 1, 63, 64, 65, 200])('createKeyedHash returns the HMAC of Node for a key of %d bytes', (length) => {
  const key = 'k'.repeat(length);
  const keyedHash = createKeyedHash(key);
  // A longer text than any before, a shorter one after it, and half a surrogate pair.
  for (const text of ['', 'a', '€'.repeat(20_000), 'short', '\ud800', 'a'.repeat(9_000)]) {
    expect(keyedHash(text)).toBe(expected(key, text));
  }
});

test('createKeyedHash returns the HMAC of RFC 4231, test case 2', () => {
  expect(createKeyedHash('Jefe')('what do ya want for nothing?')).toBe(
    Buffer.from('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'hex').toString('base64url'),
  );
});
