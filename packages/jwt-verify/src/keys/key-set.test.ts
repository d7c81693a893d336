import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { parseKeySet } from './key-set.ts';

const ec = createSigningKey('k1').jwk;
const rsa = createSigningKey('r1', 'RS256').jwk;

test('parseKeySet returns the same objects for keys that are still published', () => {
  const first = parseKeySet({ keys: [ec, rsa] });
  const second = parseKeySet({ keys: [{ ...ec, kid: 'k2' }, rsa, rsa, ec] }, first?.keys);
  expect(second?.keys.map(({ id }) => id)).toEqual(['k2', 'r1', 'k1']);
  expect(second?.keys[1]).toBe(first?.keys[1]);
  expect(second?.keys[2]).toBe(first?.keys[0]);
});

test('parseKeySet returns a new object for a key whose alg has changed', () => {
  const first = parseKeySet({ keys: [ec] });
  expect(parseKeySet({ keys: [{ ...ec, alg: undefined }] }, first?.keys)?.keys[0]).not.toBe(first?.keys[0]);
});

test('parseKeySet accepts a set of 100 keys, and refuses a set of 101', () => {
  expect(parseKeySet({ keys: Array(100).fill(ec) })?.keys).toHaveLength(1);
  expect(parseKeySet({ keys: Array(101).fill(ec) })).toBeUndefined();
});
