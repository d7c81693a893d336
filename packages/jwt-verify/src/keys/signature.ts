import { verify, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '@valetkey/core-types';
import { algorithmParameters } from './algorithms.ts';

const derInteger = 0x02;
const derSequence = 0x30;
const derLongLength = 0x81;
const signBit = 0x80;

/** One number as DER writes it: no zeros in front but the one that keeps it positive. */
function writeInteger(number: Buffer): readonly number[] {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const bytes = [...number.subarray(start)];
  if (number.readUInt8(start) >= signBit) bytes.unshift(0);
  return [derInteger, bytes.length, ...bytes];
}

/** Writes the two numbers of a JWS signature as X9.62 wants them; `undefined` for a signature of another length. */
export function encodeEcdsaSignature(signature: Buffer, numberLength: number): Buffer | undefined {
  if (signature.length !== 2 * numberLength) return undefined;
  const numbers = [
    ...writeInteger(signature.subarray(0, numberLength)),
    ...writeInteger(signature.subarray(numberLength)),
  ];
  const length = numbers.length < signBit ? [numbers.length] : [derLongLength, numbers.length];
  return Buffer.from([derSequence, ...length, ...numbers]);
}

/**
 * Checks a signature on the thread pool.
 *
 * The key goes in bare, and ECDSA signatures as DER: any other form takes Node up to 16 microseconds more for each call.
 */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  key: KeyObject,
  signature: Buffer,
  data: Buffer,
): Promise<boolean> {
  const { hash, pss, numberLength } = algorithmParameters[algorithm];
  const encoded = numberLength === undefined ? signature : encodeEcdsaSignature(signature, numberLength);
  if (encoded === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    verify(hash, data, pss === undefined ? key : { key, ...pss }, encoded, (error, valid) => {
      resolve(error === null && valid);
    });
  });
}
