import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { findKeys, readKeySet } from './key-set.ts';
import { createSigningKey } from '../testing/signing.ts';
import { readVectors } from '../testing/vectors.ts';
import { readVerificationKey } from './verification-key.ts';

const ec = createSigningKey('k1').jwk;
const rsa = createSigningKey('r1', 'RS256').jwk;
const okp = createSigningKey('o1', 'EdDSA').jwk;

function rsaOfBits(modulusLength: number): Record<string, unknown> {
  return { ...generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' }) };
}

function encodeNumber(number: bigint): string {
  return Buffer.from(number.toString(16).padStart(2, '0'), 'hex').toString('base64url');
}

const wide = encodeNumber((1n << 8191n) + 1n);
const tooWide = encodeNumber((1n << 8199n) + 1n);

test.each<[string, object, string]>([
  ['a symmetric key', { kty: 'oct', k: 'AAAA', kid: 'k' }, 'unsupported_type'],
  ['a key of no type', {}, 'unsupported_type'],
  ['a private key', { ...ec, d: 'AAAA' }, 'private_key'],
  ['a private member without value', { ...rsa, p: undefined }, 'private_key'],
  ['a key for encryption', { ...ec, use: 'enc' }, 'not_for_signatures'],
  ['a use that is no text', { ...ec, use: ['sig'] }, 'not_for_signatures'],
  ['a key for signing alone', { ...ec, key_ops: ['sign'] }, 'not_for_signatures'],
  ['operations that are no list', { ...ec, key_ops: 'verify' }, 'not_for_signatures'],
  ['a kid that is a number', { ...ec, kid: 1 }, 'malformed_key'],
  ['an empty kid', { ...ec, kid: '' }, 'malformed_key'],
  ['a kid of 257 characters', { ...ec, kid: 'k'.repeat(257) }, 'malformed_key'],
  ['the algorithm of another type', { ...ec, alg: 'RS256' }, 'unsupported_algorithm'],
  ['the algorithm of another curve', { ...ec, alg: 'ES384' }, 'unsupported_algorithm'],
  ['a symmetric algorithm', { ...rsa, alg: 'HS256' }, 'unsupported_algorithm'],
  ['a curve for key agreement', { kty: 'OKP', crv: 'X25519', x: okp.x }, 'unsupported_algorithm'],
  ['the curve secp256k1', { ...ec, alg: undefined, crv: 'secp256k1' }, 'unsupported_algorithm'],
  ['a point off its curve', { ...ec, y: ec.x }, 'malformed_key'],
  ['half a point', { ...ec, y: undefined }, 'malformed_key'],
  ['a modulus that is a number', { ...rsa, n: 5 }, 'malformed_key'],
  ['1024 bits', rsaOfBits(1024), 'weak_key'],
  ['8200 bits', { ...rsa, n: tooWide }, 'weak_key'],
  ['the exponent 1', { ...rsa, e: 'AQ' }, 'weak_key'],
  ['the exponent 2', { ...rsa, e: 'Ag' }, 'weak_key'],
  ['an even exponent', { ...rsa, e: 'AQAA' }, 'weak_key'],
])('does not use %s', (_, jwk, reason) => {
  expect(readVerificationKey({ ...jwk })).toBe(reason);
});

test.each<[string, object, string[]]>([
  ['an EC key', ec, ['ES256']],
  ['an EC key without alg', { ...ec, alg: undefined }, ['ES256']],
  ['an RSA key', rsa, ['RS256']],
  ['an RSA key without alg', { ...rsa, alg: undefined }, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['an RSA key of 8192 bits', { ...rsa, n: wide }, ['RS256']],
  ['an RSA key with the exponent 3', { ...rsa, e: 'Aw' }, ['RS256']],
  ['an Ed25519 key', okp, ['EdDSA']],
  ['an Ed25519 key without alg', { ...okp, alg: undefined }, ['EdDSA', 'Ed25519']],
  ['a key without kid and use', { ...ec, kid: undefined, use: undefined }, ['ES256']],
  ['a key with a kid of 256 characters', { ...ec, kid: 'k'.repeat(256) }, ['ES256']],
  ['a key that may verify', { ...ec, key_ops: ['sign', 'verify'] }, ['ES256']],
  ['a key with members of no meaning here', { ...ec, x5c: ['x'], x5u: 'https://evil.example.com', ext: 7 }, ['ES256']],
])('uses %s', (_, jwk, algorithms) => {
  expect(readVerificationKey({ ...jwk })).toMatchObject({ algorithms: new Set(algorithms) });
});

test('sees the ROCA flaw', () => {
  const { testGroups } = readVectors<{ testGroups: { comment: string; public?: { keys: object[] } }[] }>(
    'wycheproof/json_web_key_test.json',
  );
  const flawed = testGroups.find(({ comment }) => comment === 'jws_rsa_roca_key')?.public?.keys[0];
  expect(readVerificationKey({ ...flawed })).toBe('weak_key');
});

test('a set keeps the objects of keys that stay, and tells a key from its like', () => {
  const first = readKeySet({ keys: [ec, rsa] });
  const second = readKeySet({ keys: [{ ...ec, kid: 'k2' }, rsa, rsa, ec] }, first?.keys);
  expect(second?.keys.map(({ id }) => id)).toEqual(['k2', 'r1', 'k1']);
  expect(second?.keys[1]).toBe(first?.keys[1]);
  expect(second?.keys[2]).toBe(first?.keys[0]);
  expect(readKeySet({ keys: [{ ...ec, alg: undefined }] }, first?.keys)?.keys[0]).not.toBe(first?.keys[0]);
});

test('a set of 100 keys is read, one of 101 is not', () => {
  expect(readKeySet({ keys: Array(100).fill(ec) })?.keys).toHaveLength(1);
  expect(readKeySet({ keys: Array(101).fill(ec) })).toBeUndefined();
});

test('no more than four keys are tried for one token', () => {
  const keys = Array.from({ length: 6 }, () => createSigningKey('same').jwk);
  const set = readKeySet({ keys: [...keys, rsa] });
  expect(findKeys(set?.keys ?? [], 'ES256', 'same')).toHaveLength(4);
  expect(findKeys(set?.keys ?? [], 'RS256', undefined)).toHaveLength(1);
  expect(findKeys(set?.keys ?? [], 'RS256', 'same')).toHaveLength(0);
});
