import { parseKeySet, type KeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';
import { findKeys } from './signature.ts';

/** Keys of an identity provider that are given as options. */
export interface StaticKeys {
  readonly keys: readonly unknown[];
}

/** Creates the source of keys that are given as options: it never fetches and never renews. */
export function createStaticKeySource(document: StaticKeys): KeySource {
  // The schema of the options has refused every document with a problem.
  const { keys } = parseKeySet(document) as KeySet;
  for (const key of keys) key.trustedUntilMs = Infinity;
  return {
    find: (algorithm, keyId) => findKeys(keys, algorithm, keyId),
    renew: () => undefined,
    warm: () => Promise.resolve(),
    status: () => ({ keys: keys.length, ageSeconds: null, stale: false, lastFailure: null }),
  };
}

/** Returns why some of the keys cannot be used, so that a typing error does not wait for the first token. */
export function findStaticKeyProblem(document: StaticKeys): string | undefined {
  const keySet = parseKeySet(document);
  if (keySet === undefined) return 'too_many_keys';
  return keySet.refused.length === 0 ? undefined : keySet.refused.map(({ reason }) => reason).join(', ');
}
