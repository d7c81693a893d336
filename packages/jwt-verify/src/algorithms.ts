import type { SignatureAlgorithm } from '@valetkey/core-types';

/** How WebCrypto is told to verify one algorithm. */
export interface AlgorithmParameters {
  readonly keyType: 'RSA' | 'EC' | 'OKP';
  readonly curve?: string;
  readonly import: RsaHashedImportParams | EcKeyImportParams | Algorithm;
  readonly verify: RsaPssParams | EcdsaParams | Algorithm;
}

type RsaHashedImportParams = { name: string; hash: string };
type EcKeyImportParams = { name: string; namedCurve: string };
type RsaPssParams = { name: string; saltLength: number };
type EcdsaParams = { name: string; hash: string };
type Algorithm = { name: string };

function pkcs1(bits: number): AlgorithmParameters {
  const name = 'RSASSA-PKCS1-v1_5';
  return { keyType: 'RSA', import: { name, hash: `SHA-${bits}` }, verify: { name } };
}

function pss(bits: number): AlgorithmParameters {
  const name = 'RSA-PSS';
  return { keyType: 'RSA', import: { name, hash: `SHA-${bits}` }, verify: { name, saltLength: bits / 8 } };
}

function ecdsa(bits: number, curve: string): AlgorithmParameters {
  const name = 'ECDSA';
  return { keyType: 'EC', curve, import: { name, namedCurve: curve }, verify: { name, hash: `SHA-${bits}` } };
}

const ed25519: AlgorithmParameters = {
  keyType: 'OKP',
  curve: 'Ed25519',
  import: { name: 'Ed25519' },
  verify: { name: 'Ed25519' },
};

/** RFC 7518, section 3.1; RFC 8037; RFC 9864. */
export const algorithmParameters: Readonly<Record<SignatureAlgorithm, AlgorithmParameters>> = {
  RS256: pkcs1(256),
  RS384: pkcs1(384),
  RS512: pkcs1(512),
  PS256: pss(256),
  PS384: pss(384),
  PS512: pss(512),
  ES256: ecdsa(256, 'P-256'),
  ES384: ecdsa(384, 'P-384'),
  ES512: ecdsa(512, 'P-521'),
  EdDSA: ed25519,
  Ed25519: ed25519,
};
