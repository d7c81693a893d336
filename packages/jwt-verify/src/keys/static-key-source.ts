import { parseKeySet, type KeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';
import { findKeys } from '../signatures/verify-signature.ts';

/** Keys of an identity provider that are given as options. */
export interface StaticKeys {
  readonly keys: readonly unknown[];
}

/** Creates the source of keys that are given as options. It never fetches keys. */
export function createStaticKeySource(document: StaticKeys): KeySource {
  // The options were parsed before: this document has no problem.
  const { keys } = parseKeySet(document) as KeySet;
  for (const key of keys) key.trustedUntilMs = Infinity;
  return {
    find: (algorithm, keyId) => findKeys(keys, algorithm, keyId),
    findOthers: () => Promise.resolve([]),
    renew: () => undefined,
    warm: () => Promise.resolve(),
    status: () => ({ keys: keys.length, ageSeconds: null, stale: false, lastFailure: null }),
  };
}

/** Returns the reason why keys cannot be used, so that a mistake is reported before the first token arrives. */
export function findStaticKeyProblem(document: StaticKeys): string | undefined {
  const keySet = parseKeySet(document);
  if (keySet === undefined) return 'too_many_keys';
  return keySet.refused.length === 0 ? undefined : keySet.refused.map(({ reason }) => reason).join(', ');
}
