import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { createSigningKey } from '../testing/signing.ts';
import { readVectors } from '../testing/vectors.ts';
import { parseVerificationKey } from './verification-key.ts';

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
  ['a key without kty', {}, 'unsupported_type'],
  ['a private key', { ...ec, d: 'AAAA' }, 'private_key'],
  ['a private member without a value', { ...rsa, p: undefined }, 'private_key'],
  ['a key for encryption', { ...ec, use: 'enc' }, 'not_for_signatures'],
  ['a use that is not a string', { ...ec, use: ['sig'] }, 'not_for_signatures'],
  ['a key that may only sign', { ...ec, key_ops: ['sign'] }, 'not_for_signatures'],
  ['key_ops that are not an array', { ...ec, key_ops: 'verify' }, 'not_for_signatures'],
  ['a kid that is a number', { ...ec, kid: 1 }, 'malformed_key'],
  ['an empty kid', { ...ec, kid: '' }, 'malformed_key'],
  ['a kid of 257 characters', { ...ec, kid: 'k'.repeat(257) }, 'malformed_key'],
  ['the algorithm of another key type', { ...ec, alg: 'RS256' }, 'unsupported_algorithm'],
  ['the algorithm of another curve', { ...ec, alg: 'ES384' }, 'unsupported_algorithm'],
  ['a symmetric algorithm', { ...rsa, alg: 'HS256' }, 'unsupported_algorithm'],
  ['a curve for key agreement', { kty: 'OKP', crv: 'X25519', x: okp.x }, 'unsupported_algorithm'],
  ['the curve secp256k1', { ...ec, alg: undefined, crv: 'secp256k1' }, 'unsupported_algorithm'],
  ['a point off its curve', { ...ec, y: ec.x }, 'malformed_key'],
  ['a point without y', { ...ec, y: undefined }, 'malformed_key'],
  ['a modulus that is a number', { ...rsa, n: 5 }, 'malformed_key'],
  ['an RSA key of 1024 bits', rsaOfBits(1024), 'weak_key'],
  ['an RSA key of 8200 bits', { ...rsa, n: tooWide }, 'weak_key'],
  ['the RSA exponent 1', { ...rsa, e: 'AQ' }, 'weak_key'],
  ['the RSA exponent 2', { ...rsa, e: 'Ag' }, 'weak_key'],
  ['an even RSA exponent', { ...rsa, e: 'AQAA' }, 'weak_key'],
])('parseVerificationKey refuses %s', (_, jwk, reason) => {
  expect(parseVerificationKey({ ...jwk })).toBe(reason);
});

test.each<[string, object, string[]]>([
  ['an EC key', ec, ['ES256']],
  ['an EC key without alg', { ...ec, alg: undefined }, ['ES256']],
  ['an RSA key', rsa, ['RS256']],
  ['an RSA key without alg', { ...rsa, alg: undefined }, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['an RSA key of 8192 bits', { ...rsa, n: wide }, ['RS256']],
  ['an RSA key with the exponent 3', { ...rsa, e: 'Aw' }, ['RS256']],
  // Two names of one algorithm (RFC 9864 section 2.2).
  ['an Ed25519 key', okp, ['EdDSA', 'Ed25519']],
  ['an Ed25519 key with the newer name of its algorithm', { ...okp, alg: 'Ed25519' }, ['EdDSA', 'Ed25519']],
  [
    'an EC key whose absent members are null',
    {
      ...ec,
      kid: null,
      alg: null,
      use: null,
      key_ops: null,
      issuer: null,
      d: null,
      n: null,
      e: null,
      oth: null,
      k: null,
    },
    ['ES256'],
  ],
  [
    'an RSA key whose absent members are null',
    { ...rsa, d: null, p: null, dp: null, crv: null, x: null, y: null },
    ['RS256'],
  ],
  ['an Ed25519 key without alg', { ...okp, alg: undefined }, ['EdDSA', 'Ed25519']],
  ['a key without kid and use', { ...ec, kid: undefined, use: undefined }, ['ES256']],
  ['a key with a kid of 256 characters', { ...ec, kid: 'k'.repeat(256) }, ['ES256']],
  ['a key that may verify', { ...ec, key_ops: ['sign', 'verify'] }, ['ES256']],
  [
    'a key with x5c, x5u and unknown members, which are ignored',
    { ...ec, x5c: ['x'], x5u: 'https://evil.example.com', ext: 7 },
    ['ES256'],
  ],
])('parseVerificationKey accepts %s', (_, jwk, algorithms) => {
  expect(parseVerificationKey({ ...jwk })).toMatchObject({ algorithms: new Set(algorithms) });
});

test('parseVerificationKey refuses a key with the ROCA flaw as weak', () => {
  const { testGroups } = readVectors<{ testGroups: { comment: string; public?: { keys: object[] } }[] }>(
    'wycheproof/json_web_key_test.json',
  );
  const flawed = testGroups.find(({ comment }) => comment === 'jws_rsa_roca_key')?.public?.keys[0];
  expect(parseVerificationKey({ ...flawed })).toBe('weak_key');
});
