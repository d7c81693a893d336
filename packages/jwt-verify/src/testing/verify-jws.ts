import { signatureAlgorithms, type SignatureAlgorithm } from '@valetkey/core-types';
import { findKeys, readKeySet } from '../keys/key-set.ts';
import { splitToken } from '../token/token-text.ts';
import { verifySignature } from '../keys/signature.ts';
import { readTokenHeader } from '../token/token-header.ts';

/** The part of verification below the claims: form, header, choice of key, signature. */
export async function verifyJws(token: string, jwks: unknown): Promise<boolean> {
  try {
    const segments = splitToken(token);
    const { algorithm, keyId } = readTokenHeader(segments.header);
    const name = signatureAlgorithms.find((known): known is SignatureAlgorithm => known === algorithm);
    const keys = findKeys(readKeySet(jwks)?.keys ?? [], algorithm, keyId);
    if (name === undefined) return false;
    const signature = Buffer.from(segments.signature, 'base64url');
    const data = Buffer.from(segments.signingInput);
    const results = await Promise.all(keys.map((key) => verifySignature(name, key.keyObject, signature, data)));
    return results.includes(true);
  } catch {
    return false;
  }
}
