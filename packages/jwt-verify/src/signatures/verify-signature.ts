import { verify, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '@valetkey/core-types';
import { algorithmParameters } from './algorithms.ts';

const ed25519SignatureBytes = 64;
/** An RSA signature is as long as the modulus of its key: 2048 to 8192 bits. */
const minRsaSignatureBytes = 256;
const maxRsaSignatureBytes = 1024;

const derInteger = 0x02;
const derSequence = 0x30;
const derLongLength = 0x81;
const signBit = 0x80;
/** DER writes a length up to this one in a single byte. */
const maxShortLength = 0x7f;

/** A key that verifies signatures. */
interface SignatureKey {
  /** Its `kid`. */
  readonly id: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly keyObject: KeyObject;
}

/**
 * Returns the keys that may have signed a token: keys for its algorithm that have its `kid`, or have none if no key has its
 * `kid`. A token without `kid` is tried with all of them: a key set is bounded, and any of its keys may be the right one.
 */
export function findKeys<Key extends SignatureKey>(
  keys: readonly Key[],
  algorithm: string,
  keyId: string | undefined,
): readonly Key[] {
  const fitting = keys.filter(({ algorithms }) => algorithms.has(algorithm));
  if (keyId === undefined) return fitting;
  const named = fitting.filter(({ id }) => id === keyId);
  return named.length > 0 ? named : fitting.filter(({ id }) => id === undefined);
}

/** Resolves to the first of the keys that made the signature, or to undefined if none did. */
export async function findSigningKey<Key extends SignatureKey>(
  keys: readonly Key[],
  algorithm: SignatureAlgorithm,
  signature: Buffer,
  data: Buffer,
): Promise<Key | undefined> {
  for (const key of keys) {
    if (await verifySignature(algorithm, key.keyObject, signature, data)) return key;
  }
  return undefined;
}

/** Returns whether a signature has a length that its algorithm can produce. No key is needed to tell. */
export function hasSignatureLength(algorithm: SignatureAlgorithm, { length }: Buffer): boolean {
  const { keyType, numberLength } = algorithmParameters[algorithm];
  if (keyType === 'OKP') return length === ed25519SignatureBytes;
  if (numberLength !== undefined) return length === 2 * numberLength;
  return length >= minRsaSignatureBytes && length <= maxRsaSignatureBytes;
}

/**
 * Verifies a signature on the thread pool. Resolves to false for a signature or a key of the wrong form.
 *
 * Node receives an ECDSA signature as DER, and the key without options unless PSS needs them: any other form costs up to
 * 16 microseconds more per call.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signature: Buffer,
  data: Buffer,
): Promise<boolean> {
  const { hash, pss } = algorithmParameters[algorithm];
  const encoded = encodeSignature(algorithm, key, signature);
  if (encoded === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    verify(hash, data, pss === undefined ? key : { key, ...pss }, encoded, (error, valid) => {
      resolve(error === null && valid);
    });
  });
}

/**
 * Returns a signature as Node receives it, or undefined if it is not as long as its algorithm and key require. OpenSSL does not
 * compare the length of an RSA signature: it accepts a PSS signature without its leading zero bytes (RFC 8017 section 8.1.2).
 */
function encodeSignature(algorithm: SignatureAlgorithm, key: KeyObject, signature: Buffer): Buffer | undefined {
  const { keyType, numberLength } = algorithmParameters[algorithm];
  if (numberLength !== undefined) return encodeEcdsaSignature(signature, numberLength);
  if (keyType !== 'RSA') return signature;
  const modulusBits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return signature.length === Math.ceil(modulusBits / 8) ? signature : undefined;
}

/** Encodes the two numbers of a JWS signature as X9.62 DER; returns undefined for a signature of another length. */
export function encodeEcdsaSignature(signature: Buffer, numberLength: number): Buffer | undefined {
  if (signature.length !== 2 * numberLength) return undefined;
  const numbers = [
    ...encodeInteger(signature.subarray(0, numberLength)),
    ...encodeInteger(signature.subarray(numberLength)),
  ];
  const length = numbers.length <= maxShortLength ? [numbers.length] : [derLongLength, numbers.length];
  return Buffer.from([derSequence, ...length, ...numbers]);
}

/** Encodes a positive number as DER, with a leading zero only if its first bit would make it negative. */
function encodeInteger(number: Buffer): readonly number[] {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const bytes = [...number.subarray(start)];
  if (number.readUInt8(start) >= signBit) bytes.unshift(0);
  return [derInteger, bytes.length, ...bytes];
}
