import { constants } from 'node:crypto';
import type { SignatureAlgorithm } from '@valetkey/core-types';

/** The key that an algorithm needs, and how its signatures are verified. */
export interface AlgorithmParameters {
  readonly keyType: 'RSA' | 'EC' | 'OKP';
  readonly curve?: string;
  /** `null` for an algorithm that includes its own hash. */
  readonly hash: string | null;
  readonly pss?: { readonly padding: number; readonly saltLength: number };
  /** Bytes of each of the two numbers of an ECDSA signature (RFC 7518 section 3.4). */
  readonly numberLength?: number;
  /** The estimated time of one check. Absent for RSA, whose time depends on the key. */
  readonly microseconds?: number;
}

function pkcs1(bits: number): AlgorithmParameters {
  return { keyType: 'RSA', hash: `sha${bits}` };
}

function pss(bits: number): AlgorithmParameters {
  return {
    keyType: 'RSA',
    hash: `sha${bits}`,
    pss: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: bits / 8 },
  };
}

function ecdsa(bits: number, curve: string, numberLength: number, microseconds: number): AlgorithmParameters {
  return { keyType: 'EC', curve, hash: `sha${bits}`, numberLength, microseconds };
}

const ed25519: AlgorithmParameters = { keyType: 'OKP', curve: 'Ed25519', hash: null, microseconds: 110 };

/** The parameters of every supported algorithm (RFC 7518 section 3.1, RFC 8037 and RFC 9864). */
export const algorithmParameters: Readonly<Record<SignatureAlgorithm, AlgorithmParameters>> = {
  RS256: pkcs1(256),
  RS384: pkcs1(384),
  RS512: pkcs1(512),
  PS256: pss(256),
  PS384: pss(384),
  PS512: pss(512),
  ES256: ecdsa(256, 'P-256', 32, 69),
  ES384: ecdsa(384, 'P-384', 48, 800),
  ES512: ecdsa(512, 'P-521', 66, 1800),
  EdDSA: ed25519,
  Ed25519: ed25519,
};
