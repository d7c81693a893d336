import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { findKeys } from './find-keys.ts';
import { parseKeySet } from './key-set.ts';

test('findKeys returns every key of the algorithm and the kid of a token', () => {
  const keys = Array.from({ length: 6 }, () => createSigningKey('same').jwk);
  const set = parseKeySet({ keys: [...keys, createSigningKey('r1', 'RS256').jwk] });
  expect(findKeys(set?.keys ?? [], 'ES256', 'same')).toHaveLength(6);
  expect(findKeys(set?.keys ?? [], 'RS256', undefined)).toHaveLength(1);
  expect(findKeys(set?.keys ?? [], 'ES256', undefined)).toHaveLength(6);
  expect(findKeys(set?.keys ?? [], 'RS256', 'same')).toHaveLength(0);
});

test('findKeys returns the keys without a kid for a token whose kid no key has', () => {
  const { kid: _kid, ...unnamed } = createSigningKey('k1').jwk;
  const { keys = [] } = parseKeySet({ keys: [unnamed, createSigningKey('k2').jwk] }) ?? {};
  const find = (kid: string) => findKeys(keys, 'ES256', kid).map(({ id }) => id);
  expect(find('k1')).toEqual([undefined]);
  expect(find('k2')).toEqual(['k2']);
});
