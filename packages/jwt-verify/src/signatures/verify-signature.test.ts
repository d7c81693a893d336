import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseKeySet } from '../keys/key-set.ts';
import { createSigningKey, signText, type SigningKey } from '../testing/signing.ts';
import { encodeEcdsaSignature, estimateMicroseconds, findKeys, verifySignature } from './verify-signature.ts';

test('encodeEcdsaSignature writes a leading zero only if a number would be negative without it', () => {
  const encode = (r: number[], s: number[]): string | undefined =>
    encodeEcdsaSignature(Buffer.from([...r, ...s]), r.length)?.toString('hex');
  expect(encode([0, 0, 1], [0, 0, 0])).toBe('3006020101020100');
  expect(encode([0, 0x80, 1], [0x7f, 2, 3])).toBe('300a020300800102037f0203');
});

test('encodeEcdsaSignature returns undefined for a signature of another length', () => {
  expect(encodeEcdsaSignature(Buffer.from([1, 2, 3]), 1)).toBeUndefined();
});

test('encodeEcdsaSignature writes the length of an encoding of 128 bytes or more in two bytes, and of a shorter one in one byte', () => {
  const bytes = encodeEcdsaSignature(Buffer.alloc(132, 0xff), 66);
  expect(bytes?.subarray(0, 3).toString('hex')).toBe('30818a');
  expect(encodeEcdsaSignature(Buffer.alloc(96, 0xff), 48)?.subarray(0, 2).toString('hex')).toBe('3066');
});

test.each<SigningKey['algorithm']>(['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
  'verifySignature resolves to true for a signature of %s, and to false if one bit is changed or one byte is missing',
  async (algorithm) => {
    const key = createSigningKey('k', algorithm);
    const publicKey = createPublicKey({ key: key.jwk, format: 'jwk' });
    await fc.assert(
      fc.asyncProperty(fc.base64String(), fc.nat(), async (text, position) => {
        const [, signature = ''] = signText(text, key).split('.');
        const bytes = Buffer.from(signature, 'base64url');
        expect(await verifySignature(algorithm, publicKey, bytes, Buffer.from(text))).toBe(true);
        const index = position % (bytes.length * 8);
        bytes[index >> 3] = (bytes[index >> 3] ?? 0) ^ (1 << (index & 7));
        expect(await verifySignature(algorithm, publicKey, bytes, Buffer.from(text))).toBe(false);
        expect(await verifySignature(algorithm, publicKey, bytes.subarray(1), Buffer.from(text))).toBe(false);
      }),
      { numRuns: 20 },
    );
  },
);

test.each<SigningKey['algorithm']>(['RS256', 'PS256'])(
  'verifySignature resolves to false for a signature of %s whose leading zero byte is missing (RFC 8017 section 8)',
  async (algorithm) => {
    const key = createSigningKey('k', algorithm);
    const publicKey = createPublicKey({ key: key.jwk, format: 'jwk' });
    // One signature of 256 begins with a zero byte.
    let [text, bytes] = ['', Buffer.from([1])];
    for (let attempt = 0; bytes[0] !== 0; attempt += 1) {
      text = `text ${attempt}`;
      bytes = Buffer.from(signText(text, key).slice(text.length + 1), 'base64url');
    }
    expect(await verifySignature(algorithm, publicKey, bytes, Buffer.from(text))).toBe(true);
    expect(await verifySignature(algorithm, publicKey, bytes.subarray(1), Buffer.from(text))).toBe(false);
  },
);

test('verifySignature resolves to false for a key of another type', async () => {
  const ed = createPublicKey({ key: createSigningKey('k', 'EdDSA').jwk, format: 'jwk' });
  expect(await verifySignature('RS256', ed, Buffer.alloc(256), Buffer.alloc(1))).toBe(false);
  expect(await verifySignature('ES256', ed, Buffer.alloc(64), Buffer.alloc(1))).toBe(false);
});

test('estimateMicroseconds estimates more for PSS than for PKCS #1, and without bound for an RSA exponent above 65537', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  expect(estimateMicroseconds('PS256', publicKey)).toBe(2 * estimateMicroseconds('RS256', publicKey));
  const unusual = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65_539 });
  expect(estimateMicroseconds('RS256', unusual.publicKey)).toBe(Infinity);
});

test('findKeys returns the keys without a kid for a token whose kid no key has', () => {
  const { kid: _kid, ...unnamed } = createSigningKey('k1').jwk;
  const { keys = [] } = parseKeySet({ keys: [unnamed, createSigningKey('k2').jwk] }) ?? {};
  const find = (kid: string) => findKeys(keys, 'ES256', kid).map(({ id }) => id);
  expect(find('k1')).toEqual([undefined]);
  expect(find('k2')).toEqual(['k2']);
});

test('findKeys returns every key of the algorithm and the kid of a token', () => {
  const keys = Array.from({ length: 6 }, () => createSigningKey('same').jwk);
  const set = parseKeySet({ keys: [...keys, createSigningKey('r1', 'RS256').jwk] });
  expect(findKeys(set?.keys ?? [], 'ES256', 'same')).toHaveLength(6);
  expect(findKeys(set?.keys ?? [], 'RS256', undefined)).toHaveLength(1);
  expect(findKeys(set?.keys ?? [], 'ES256', undefined)).toHaveLength(6);
  expect(findKeys(set?.keys ?? [], 'RS256', 'same')).toHaveLength(0);
});
