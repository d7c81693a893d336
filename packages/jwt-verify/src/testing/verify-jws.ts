import { signatureAlgorithms, type SignatureAlgorithm } from '@valetkey/core-types';
import { parseKeySet } from '../keys/key-set.ts';
import { findKeys, findSigningKey } from '../signatures/verify-signature.ts';
import { parseTokenHeader, splitToken } from '../token/token-text.ts';

/** Resolves to whether a token's form, header, key and signature are valid. Its claims are not checked. */
export async function verifyJws(token: string, jwks: unknown): Promise<boolean> {
  try {
    const segments = splitToken(token);
    const { algorithm, keyId } = parseTokenHeader(segments.header);
    const name = signatureAlgorithms.find((known): known is SignatureAlgorithm => known === algorithm);
    const keys = findKeys(parseKeySet(jwks)?.keys ?? [], algorithm, keyId);
    if (name === undefined) return false;
    const signature = Buffer.from(segments.signature, 'base64url');
    return (await findSigningKey(keys, name, signature, Buffer.from(segments.signingInput))) !== undefined;
  } catch {
    return false;
  }
}
