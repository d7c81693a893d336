import { readVerificationKey, type KeyRefusal, type VerificationKey } from './verification-key.ts';
import { isJsonObject } from '../token/strict-json.ts';

/** More keys than any provider rotates through; a longer list is not worth the work. */
const maximumKeys = 100;

/** Keys tried for one token at the most, where a `kid` is absent or not unique. */
const maximumCandidates = 4;

/** The keys of one identity provider, as last told. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
  readonly refused: readonly { readonly id: string | undefined; readonly reason: KeyRefusal }[];
}

/**
 * Reads a JWK Set (RFC 7517, section 5); `undefined` for anything else. Members that cannot be used are left out, so
 * that one bad key does not take the good ones along. Keys of `known` that are still published stay the same objects.
 */
export function readKeySet(document: unknown, known: readonly VerificationKey[] = []): KeySet | undefined {
  if (!isJsonObject(document) || !Array.isArray(document['keys']) || document['keys'].length > maximumKeys) {
    return undefined;
  }
  const byFingerprint = new Map(known.map((key) => [key.fingerprint, key]));
  const keys = new Map<string, VerificationKey>();
  const refused: { id: string | undefined; reason: KeyRefusal }[] = [];
  for (const jwk of document['keys'] as unknown[]) {
    const key = isJsonObject(jwk) ? readVerificationKey(jwk) : 'malformed_key';
    if (typeof key === 'string') {
      const id = isJsonObject(jwk) && typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined;
      refused.push({ id, reason: key });
    } else {
      keys.set(key.fingerprint, byFingerprint.get(key.fingerprint) ?? key);
    }
  }
  return { keys: [...keys.values()], refused };
}

/** The keys that may have signed a token: those with its `kid` (all of them where it names none) and algorithm. */
export function findKeys(
  keys: readonly VerificationKey[],
  algorithm: string,
  keyId: string | undefined,
): readonly VerificationKey[] {
  return keys
    .filter((key) => (keyId === undefined || key.id === keyId) && key.algorithms.has(algorithm))
    .slice(0, maximumCandidates);
}
