import { isJsonObject } from '../token/token-text.ts';
import { parseVerificationKey, type KeyRefusal, type VerificationKey } from './verification-key.ts';

/** More keys than any provider publishes at a time; each one costs work to parse. */
const maxKeys = 100;

/** The keys of one identity provider as one document publishes them. */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
  readonly refused: readonly { readonly id: string | undefined; readonly reason: KeyRefusal }[];
}

/**
 * Parses a JWK Set (RFC 7517 section 5); returns undefined for any other document. Members that cannot be used are left
 * out, so that one bad key does not make the good ones unusable.
 *
 * @param known - The keys of the previous set. Those that are still published stay the same objects.
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
