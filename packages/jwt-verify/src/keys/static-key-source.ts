import { findKeys, readKeySet } from './key-set.ts';
import { neverRenewed, type KeySource } from './key-source.ts';

/**
 * Keys given as options: never fetched, never renewed.
 *
 * @throws {TypeError} Where one of them cannot be used: a typing error should not wait for the first token.
 */
export function createStaticKeySource(issuer: string, document: { readonly keys: readonly unknown[] }): KeySource {
  const keySet = readKeySet(document);
  if (keySet === undefined || keySet.refused.length > 0) {
    const reasons = keySet === undefined ? 'too_many_keys' : keySet.refused.map(({ reason }) => reason).join(', ');
    throw new TypeError(`issuer ${issuer}: jwks has keys that cannot be used (${reasons}).`);
  }
  for (const key of keySet.keys) key.trustedUntilMs = Infinity;
  return {
    find: (algorithm, keyId) => findKeys(keySet.keys, algorithm, keyId),
    ...neverRenewed,
    warm: () => Promise.resolve(),
    status: () => ({ keys: keySet.keys.length, ageSeconds: null, stale: false, lastFailure: null }),
  };
}
