import type { SignatureAlgorithm } from '@valetkey/core-types';
import { verifySignature } from '../signatures/verify-signature.ts';
import type { VerificationKey } from './verification-key.ts';

/**
 * Returns the keys that may have signed a token: keys for its algorithm that have its `kid`, or have none if no key has its
 * `kid`. A token without `kid` is tried with all of them: a key set is bounded, and any of its keys may be the right one.
 */
export function findKeys(
  keys: readonly VerificationKey[],
  algorithm: string,
  keyId: string | undefined,
): readonly VerificationKey[] {
  const fitting = keys.filter(({ algorithms }) => algorithms.has(algorithm));
  if (keyId === undefined) return fitting;
  const named = fitting.filter(({ id }) => id === keyId);
  return named.length > 0 ? named : fitting.filter(({ id }) => id === undefined);
}

/** Resolves to the first of the keys that made the signature, or to undefined if none did. */
export async function findSigningKey(
  keys: readonly VerificationKey[],
  algorithm: SignatureAlgorithm,
  signature: Buffer,
  data: Buffer,
): Promise<VerificationKey | undefined> {
  for (const key of keys) {
    if (await verifySignature(algorithm, key.keyObject, signature, data)) return key;
  }
  return undefined;
}
