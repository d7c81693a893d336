import { isJsonObject } from '../token/token-text.ts';
import { parseVerificationKey, type KeyRefusal, type VerificationKey } from './verification-key.ts';

/** More than any provider publishes at one time. The bound limits the work of parsing. */
export const maxKeys = 100;

/** The keys in one document of an identity provider. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
  readonly refused: readonly { readonly id: string | undefined; readonly reason: KeyRefusal }[];
}

/**
 * Parses a JWK Set (RFC 7517 section 5); returns undefined for any other document. Keys that cannot be used are left out, so
 * that one bad key does not make the good keys unusable.
 *
 * @param known - The keys of the previous set. The result contains these same objects for keys that are still published.
 */
export function parseKeySet(document: unknown, known: readonly VerificationKey[] = []): KeySet | undefined {
  if (!isJsonObject(document) || !Array.isArray(document['keys']) || document['keys'].length > maxKeys) {
    return undefined;
  }
  const byFingerprint = new Map(known.map((key) => [key.fingerprint, key]));
  const keys = new Map<string, VerificationKey>();
  const refused: { id: string | undefined; reason: KeyRefusal }[] = [];
  for (const jwk of document['keys'] as unknown[]) {
    const key = isJsonObject(jwk) ? parseVerificationKey(jwk) : 'malformed_key';
    if (typeof key === 'string') {
      const id = isJsonObject(jwk) && typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined;
      refused.push({ id, reason: key });
    } else {
      keys.set(key.fingerprint, byFingerprint.get(key.fingerprint) ?? key);
    }
  }
  return { keys: [...keys.values()], refused };
}
