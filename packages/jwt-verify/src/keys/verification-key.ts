import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import { signatureAlgorithms, type SignatureAlgorithm } from '@valetkey/core-types';
import { algorithmParameters } from './algorithms.ts';
import { isRocaModulus } from './roca.ts';
import type { JsonObject } from '../token/strict-json.ts';

/** A public key of an identity provider, ready to verify. */
export interface VerificationKey {
  readonly id: string | undefined;
  /** Tells this key from any other, its `kid` and permitted use included. */
  readonly fingerprint: string;
  /** What the key may be used with. */
  readonly algorithms: ReadonlySet<string>;
  readonly keyObject: KeyObject;
  /** Until when verifications with this key may be reused without asking where it came from; monotonic. */
  trustedUntilMs: number;
}

/** Why a published key is not used. */
export type KeyRefusal =
  | 'private_key'
  | 'not_for_signatures'
  | 'unsupported_type'
  | 'unsupported_algorithm'
  | 'weak_key'
  | 'malformed_key';

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const minimumModulusBits = 2048;
const maximumModulusBits = 8192;
const maximumKeyIdLength = 256;

/** `use` and `key_ops`, where the provider wrote them, must allow verifying (RFC 7517, sections 4.2 and 4.3). */
function isForSignatures({ use, key_ops: operations }: JsonObject): boolean {
  if (use !== undefined && use !== 'sig') return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

function isWeakRsaKey({ asymmetricKeyDetails }: KeyObject, modulus: unknown): boolean {
  const { modulusLength = 0, publicExponent = 0n } = { ...asymmetricKeyDetails };
  if (modulusLength < minimumModulusBits || modulusLength > maximumModulusBits) return true;
  if (publicExponent < 3n || publicExponent % 2n === 0n) return true;
  return isRocaModulus(BigInt(`0x${Buffer.from(String(modulus), 'base64url').toString('hex')}`));
}

function algorithmsOf({ kty, crv, alg }: JsonObject): SignatureAlgorithm[] {
  return signatureAlgorithms.filter((name) => {
    const { keyType, curve } = algorithmParameters[name];
    return keyType === kty && (curve === undefined || curve === crv) && (alg === undefined || alg === name);
  });
}

/** Checks one member of a JWK Set and makes it usable, or says why it is not. */
export function readVerificationKey(jwk: JsonObject): VerificationKey | KeyRefusal {
  const { kid, kty, crv, alg, n, e, x, y } = jwk;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'unsupported_type';
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) return 'private_key';
  if (!isForSignatures(jwk)) return 'not_for_signatures';
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > maximumKeyIdLength)) {
    return 'malformed_key';
  }
  const algorithms = algorithmsOf(jwk);
  if (algorithms.length === 0) return 'unsupported_algorithm';
  let keyObject: KeyObject;
  try {
    // Only the members that make the key: nothing else in the document reaches the parser.
    keyObject = createPublicKey({ key: { kty, crv, n, e, x, y } as JsonWebKeyInput['key'], format: 'jwk' });
  } catch {
    return 'malformed_key';
  }
  if (kty === 'RSA' && isWeakRsaKey(keyObject, n)) return 'weak_key';
  const fingerprint = JSON.stringify([kid, alg, keyObject.export({ format: 'jwk' })]);
  return { id: kid, fingerprint, algorithms: new Set(algorithms), keyObject, trustedUntilMs: 0 };
}
