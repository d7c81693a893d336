import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import { signatureAlgorithms, type SignatureAlgorithm } from '@valetkey/core-types';
import { maxKeyIdLength, type JsonObject } from '../token/token-text.ts';
import { algorithmParameters } from '../signatures/algorithms.ts';
import { isRocaModulus } from './roca.ts';

/** A public key of an identity provider, ready for use. */
export interface VerificationKey {
  readonly id: string | undefined;
  /** The issuer whose tokens alone the key may sign. It may contain a placeholder. Only Entra ID names it. */
  readonly issuer: string | undefined;
  /** Differs between keys with another `kid`, `alg` or key material. */
  readonly fingerprint: string;
  /** The algorithms with which the key may be used. */
  readonly algorithms: ReadonlySet<string>;
  readonly keyObject: KeyObject;
  /** Until this moment (monotonic clock), verifications with this key are reused without asking the key's source. */
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
const minModulusBits = 2048;
const maxModulusBits = 8192;

/** Returns whether `use` and `key_ops`, if present, allow verifying (RFC 7517 sections 4.2 and 4.3). */
function isForSignatures({ use, key_ops: operations }: JsonObject): boolean {
  if (use !== undefined && use !== 'sig') return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

function isWeakRsaKey({ asymmetricKeyDetails }: KeyObject, modulus: unknown): boolean {
  const { modulusLength = 0, publicExponent = 0n } = { ...asymmetricKeyDetails };
  if (modulusLength < minModulusBits || modulusLength > maxModulusBits) return true;
  if (publicExponent < 3n || publicExponent % 2n === 0n) return true;
  return isRocaModulus(BigInt(`0x${Buffer.from(String(modulus), 'base64url').toString('hex')}`));
}

function algorithmsOf({ kty, crv, alg }: JsonObject): SignatureAlgorithm[] {
  return signatureAlgorithms.filter((name) => {
    const { keyType, curve } = algorithmParameters[name];
    const isNamed = alg === undefined || alg === name || (isEd25519(alg) && isEd25519(name));
    return keyType === kty && (curve === undefined || curve === crv) && isNamed;
  });
}

/** Returns whether a name is one of the two of this algorithm (RFC 9864 section 2.2). No other curve of EdDSA is supported. */
const isEd25519 = (name: unknown): boolean => name === 'EdDSA' || name === 'Ed25519';

/** Parses one key of a JWK Set; returns the reason if the key cannot be used. */
export function parseVerificationKey(written: JsonObject): VerificationKey | KeyRefusal {
  // Some providers write each member that a key may have, and null for those that it lacks.
  const jwk: JsonObject = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== null));
  const { kid, kty, crv, alg, n, e, x, y, issuer } = jwk;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return 'unsupported_type';
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) return 'private_key';
  if (!isForSignatures(jwk)) return 'not_for_signatures';
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > maxKeyIdLength)) {
    return 'malformed_key';
  }
  if (issuer !== undefined && typeof issuer !== 'string') return 'malformed_key';
  const algorithms = algorithmsOf(jwk);
  if (algorithms.length === 0) return 'unsupported_algorithm';
  let keyObject: KeyObject;
  try {
    // OpenSSL receives only the members that define the key.
    keyObject = createPublicKey({ key: { kty, crv, n, e, x, y } as JsonWebKeyInput['key'], format: 'jwk' });
  } catch {
    return 'malformed_key';
  }
  if (kty === 'RSA' && isWeakRsaKey(keyObject, n)) return 'weak_key';
  const fingerprint = JSON.stringify([kid, alg, issuer, keyObject.export({ format: 'jwk' })]);
  return { id: kid, issuer, fingerprint, algorithms: new Set(algorithms), keyObject, trustedUntilMs: 0 };
}
