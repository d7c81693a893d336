import { createVerify, verify, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto';
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

/** The public exponent of almost every RSA key. A longer one may take a hundred times as long. */
const usualExponent = 65_537n;

/**
 * A check that takes longer never runs on the thread of the event loop. Measured on an AMD EPYC: RSA of 2048 bits 23 µs, of 4096
 * bits 66 µs, of 8192 bits 234 µs (PSS up to twice as much), ES256 69 µs, Ed25519 110 µs, ES384 0.8 ms, ES512 1.8 ms.
 */
const maxCallerMicroseconds = 150;
/** The trip to the thread pool and back takes 30 to 60 µs. It pays once so much other work is under way. */
const maxSharedMicroseconds = 120;
/** The time that checks may hold the event loop before it serves others. */
const maxTurnMicroseconds = 1000;

/** The signatures that are being verified. A process has one load, which all its verifiers share. */
export interface VerificationLoad {
  /** Returns whether a check should run on the thread of its caller, and counts it there. The caller then verifies at once. */
  readonly admit: (microseconds: number) => boolean;
  /** Counts a check on the thread pool, until `end`. */
  readonly start: () => void;
  readonly end: () => void;
}

/**
 * Creates the counter that decides where signatures are verified: on the thread of the caller while few are under way, on the
 * thread pool when many are.
 *
 * A check on the caller's thread counts as under way until the caller has its result. Of many calls in one tick, only the
 * first ones therefore run on this thread, and the others use the other cores. Callers that arrive one by one, each in a
 * callback of its own, share the time of one turn of the event loop.
 */
export function createVerificationLoad(): VerificationLoad {
  const delivered = Promise.resolve();
  let underWay = 0;
  let turnMicroseconds = 0;
  const start = (): void => {
    underWay += 1;
  };
  const end = (): void => {
    underWay -= 1;
  };
  const beginTurn = (): void => {
    turnMicroseconds = 0;
  };
  return {
    admit: (microseconds) => {
      if (microseconds > maxCallerMicroseconds) return false;
      if (underWay > 0 && (underWay + 1) * microseconds > maxSharedMicroseconds) return false;
      if (turnMicroseconds + microseconds > maxTurnMicroseconds) return false;
      if (turnMicroseconds === 0) setImmediate(beginTurn);
      turnMicroseconds += microseconds;
      start();
      void delivered.then(end);
      return true;
    },
    start,
    end,
  };
}

const load = createVerificationLoad();

/** What a signature covers. A text is ASCII. */
type SignedData = string | Buffer;

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
  const named: Key[] = [];
  const unnamed: Key[] = [];
  for (const key of keys) {
    if (!key.algorithms.has(algorithm)) continue;
    if (keyId === undefined || key.id === keyId) named.push(key);
    else if (key.id === undefined) unnamed.push(key);
  }
  return named.length > 0 ? named : unnamed;
}

/** Returns the first of the keys that made the signature, or undefined if none did: as a promise if that takes a while. */
export function findSigningKey<Key extends SignatureKey>(
  keys: readonly Key[],
  algorithm: SignatureAlgorithm,
  signature: Buffer,
  data: SignedData,
): Key | undefined | Promise<Key | undefined> {
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] as Key;
    const valid = verifySignature(algorithm, key.keyObject, signature, data);
    if (valid === true) return key;
    if (valid === false) continue;
    return valid.then((isValid) => (isValid ? key : findSigningKey(keys.slice(index + 1), algorithm, signature, data)));
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
 * Verifies a signature: at once on the thread of the caller while few verifications are under way, and on the thread pool
 * while many are or if the check takes long. The trip to the pool costs more than an RS256 check. Returns false for a signature
 * or a key of the wrong form.
 *
 * Node receives an ECDSA signature as DER, and the key without options unless PSS needs them: any other form costs up to
 * 16 microseconds more per call.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signature: Buffer,
  data: SignedData,
): boolean | Promise<boolean> {
  const { hash, pss } = algorithmParameters[algorithm];
  const encoded = encodeSignature(algorithm, key, signature);
  if (encoded === undefined) return false;
  const input = pss === undefined ? key : { key, ...pss };
  const verifyHere = load.admit(estimateMicroseconds(algorithm, key)) ? verifyNow : verifyOnPool;
  return verifyHere(hash, data, input, encoded);
}

function verifyNow(
  hash: string | null,
  data: SignedData,
  key: KeyObject | VerifyKeyObjectInput,
  signature: Buffer,
): boolean {
  try {
    // This form needs half a microsecond less, and no copy of a text. It does not support Ed25519.
    if (hash !== null)
      return createVerify(hash)
        .update(data as string, 'latin1')
        .verify(key, signature);
    return verify(hash, bytesOf(data), key, signature);
  } catch {
    return false;
  }
}

function bytesOf(data: SignedData): Buffer {
  return typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
}

function verifyOnPool(
  hash: string | null,
  data: SignedData,
  key: KeyObject | VerifyKeyObjectInput,
  signature: Buffer,
): Promise<boolean> {
  load.start();
  return new Promise((resolve) => {
    verify(hash, bytesOf(data), key, signature, (error, valid) => {
      load.end();
      resolve(error === null && valid);
    });
  });
}

/** What the length and the time of a key's signatures follow from. Node needs a microsecond each time to tell. */
interface RsaProperties {
  readonly signatureBytes: number;
  readonly microseconds: number;
}

const rsaProperties = new WeakMap<KeyObject, RsaProperties>();

function rsaPropertiesOf(key: KeyObject): RsaProperties {
  let properties = rsaProperties.get(key);
  if (properties === undefined) {
    const { modulusLength = 0, publicExponent = 0n } = { ...key.asymmetricKeyDetails };
    const microseconds = publicExponent > usualExponent ? Infinity : 8 + 3.6 * (modulusLength / 1024) ** 2;
    properties = { signatureBytes: Math.ceil(modulusLength / 8), microseconds };
    rsaProperties.set(key, properties);
  }
  return properties;
}

/** Estimates the time of a check on the machine of `docs/benchmarks.md`. Ratios between keys differ little between machines. */
export function estimateMicroseconds(algorithm: SignatureAlgorithm, key: KeyObject): number {
  const { microseconds, pss } = algorithmParameters[algorithm];
  if (microseconds !== undefined) return microseconds;
  return pss === undefined ? rsaPropertiesOf(key).microseconds : 2 * rsaPropertiesOf(key).microseconds;
}

/**
 * Returns a signature as Node receives it, or undefined if it is not as long as its algorithm and key require. OpenSSL does not
 * compare the length of an RSA signature: it accepts a PSS signature without its leading zero bytes (RFC 8017 section 8.1.2).
 */
function encodeSignature(algorithm: SignatureAlgorithm, key: KeyObject, signature: Buffer): Buffer | undefined {
  const { keyType, numberLength } = algorithmParameters[algorithm];
  if (numberLength !== undefined) return encodeEcdsaSignature(signature, numberLength);
  if (keyType !== 'RSA') return signature;
  return signature.length === rsaPropertiesOf(key).signatureBytes ? signature : undefined;
}

/** Encodes the two numbers of a JWS signature as X9.62 DER; returns undefined for a signature of another length. */
export function encodeEcdsaSignature(signature: Buffer, numberLength: number): Buffer | undefined {
  if (signature.length !== 2 * numberLength) return undefined;
  const first = findInteger(signature, 0, numberLength);
  const second = findInteger(signature, numberLength, 2 * numberLength);
  const length = 2 + first.length + 2 + second.length;
  const isShort = length <= maxShortLength;
  const encoded = Buffer.alloc(length + (isShort ? 2 : 3));
  encoded[0] = derSequence;
  if (!isShort) encoded[1] = derLongLength;
  const start = isShort ? 2 : 3;
  encoded[start - 1] = length;
  writeInteger(encoded, start, signature, first);
  writeInteger(encoded, start + 2 + first.length, signature, second);
  return encoded;
}

interface DerInteger {
  readonly start: number;
  readonly end: number;
  /** Bytes, with the leading zero that a number needs whose first bit would make it negative. */
  readonly length: number;
}

/** Finds the bytes of a positive number that DER writes: those from its first byte that is not zero, or the last byte. */
function findInteger(signature: Buffer, from: number, end: number): DerInteger {
  let start = from;
  while (start < end - 1 && signature[start] === 0) start += 1;
  return { start, end, length: end - start + (signature.readUInt8(start) >= signBit ? 1 : 0) };
}

/** Writes a number into a buffer of zeros. */
function writeInteger(target: Buffer, at: number, signature: Buffer, { start, end, length }: DerInteger): void {
  target[at] = derInteger;
  target[at + 1] = length;
  signature.copy(target, at + 2 + length - (end - start), start, end);
}
