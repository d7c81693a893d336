import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { parseKeySet } from './key-set.ts';

const ec = createSigningKey('k1').jwk;
const rsa = createSigningKey('r1', 'RS256').jwk;

test('a new set keeps the objects of keys that are still published', () => {
  const first = parseKeySet({ keys: [ec, rsa] });
  const second = parseKeySet({ keys: [{ ...ec, kid: 'k2' }, rsa, rsa, ec] }, first?.keys);
  expect(second?.keys.map(({ id }) => id)).toEqual(['k2', 'r1', 'k1']);
  expect(second?.keys[1]).toBe(first?.keys[1]);
  expect(second?.keys[2]).toBe(first?.keys[0]);
});

test('a new set has a new object for a key whose permitted use has changed', () => {
  const first = parseKeySet({ keys: [ec] });
  expect(parseKeySet({ keys: [{ ...ec, alg: undefined }] }, first?.keys)?.keys[0]).not.toBe(first?.keys[0]);
});

test('a set of 100 keys is accepted, and a set of 101 is refused', () => {
  expect(parseKeySet({ keys: Array(100).fill(ec) })?.keys).toHaveLength(1);
  expect(parseKeySet({ keys: Array(101).fill(ec) })).toBeUndefined();
});
