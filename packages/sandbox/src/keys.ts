import type { Clock } from '@valetkey/core-types';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  errors,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
  type CryptoKey,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
} from 'jose';
import type { TokenFlaw } from './answer.ts';
import { nowSeconds } from './simulation.ts';

export type SigningAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

interface SigningKey {
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK & { readonly kid: string };
}

/** How a token is signed, where it differs from the vendor's custom. */
export interface SignOptions {
  readonly algorithm?: SigningAlgorithm | undefined;
  /** The header's `typ`. Default: `JWT`; `null` leaves it out. */
  readonly typ?: string | null | undefined;
  /** `false` leaves the key's id out of the header. */
  readonly withKeyId?: boolean | undefined;
  readonly flaw?: TokenFlaw | undefined;
}

/** The signing keys of one issuer. They are made on first use and never leave the process. */
export interface SigningKeys {
  readonly sign: (claims: JWTPayload, options?: SignOptions) => Promise<string>;
  /** Verifies a token by the published keys and the clock, and tells the two ways apart in which it may fail. */
  readonly check: (token: string) => Promise<JWTPayload | 'expired' | 'invalid'>;
  /** The same, where it does not matter why. */
  readonly verify: (token: string) => Promise<JWTPayload | undefined>;
  readonly jwks: () => Promise<JSONWebKeySet>;
  /** Signs with new keys from now on. The old ones stay published, so that their tokens still verify. */
  readonly rotate: () => Promise<void>;
  /** Publishes the current keys alone: what older keys signed does not verify any more. */
  readonly withdraw: () => Promise<void>;
}

const makeKey = async (algorithm: SigningAlgorithm): Promise<SigningKey> => {
  const { privateKey, publicKey } = await generateKeyPair(algorithm);
  const jwk = await exportJWK(publicKey);
  return {
    algorithm,
    privateKey,
    publicJwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: algorithm, use: 'sig' },
  };
};

/** Makes the keys of one issuer; the first algorithm is the one it signs with unless told otherwise. */
export const createSigningKeys = (
  clock: Clock,
  algorithms: readonly [SigningAlgorithm, ...SigningAlgorithm[]],
): SigningKeys => {
  const makeKeys = () => Promise.all(algorithms.map(makeKey));
  let current: Promise<readonly SigningKey[]> | undefined;
  let stray: Promise<readonly SigningKey[]> | undefined;
  let retired: readonly SigningKey[] = [];

  const currentKeys = () => (current ??= makeKeys());
  const jwks = async (): Promise<JSONWebKeySet> => ({
    keys: [...(await currentKeys()), ...retired].map((key) => key.publicJwk),
  });

  const verifyWith = async (token: string, set: JSONWebKeySet): Promise<JWTPayload | 'expired' | 'invalid'> => {
    try {
      return (await jwtVerify(token, createLocalJWKSet(set), { currentDate: new Date(clock.nowMs()) })).payload;
    } catch (error) {
      return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
    }
  };

  /** A token may be without the id of its key, and then each of the published keys may be its own. */
  const check = async (token: string) => {
    const { keys } = await jwks();
    const outcomes = await Promise.all(keys.map((key) => verifyWith(token, { keys: [key] })));
    return outcomes.find((outcome) => outcome !== 'invalid') ?? 'invalid';
  };

  return {
    jwks,
    sign: async (claims, { algorithm = algorithms[0], typ = 'JWT', withKeyId = true, flaw } = {}) => {
      const keys = await (flaw === 'unpublished-key' ? (stray ??= makeKeys()) : currentKeys());
      const key = keys.find((candidate) => candidate.algorithm === algorithm);
      if (key === undefined) throw new TypeError(`This issuer does not sign with ${algorithm}.`);
      const payload = flaw === 'expired' ? expire(claims, nowSeconds(clock)) : claims;
      return new SignJWT(payload)
        .setProtectedHeader({
          alg: algorithm,
          ...(typ !== null && { typ }),
          ...(withKeyId && { kid: key.publicJwk.kid }),
        })
        .sign(key.privateKey);
    },
    check,
    verify: async (token) => {
      const outcome = await check(token);
      return typeof outcome === 'string' ? undefined : outcome;
    },
    rotate: async () => {
      const old = await currentKeys();
      const fresh = await makeKeys();
      retired = [...retired, ...old];
      current = Promise.resolve(fresh);
    },
    withdraw: async () => {
      await currentKeys();
      retired = [];
    },
  };
};

/** Moves a token's life into the past, as a whole. */
const expire = (claims: JWTPayload, now: number): JWTPayload => {
  const lifetime = (claims.exp ?? now) - (claims.iat ?? now);
  return { ...claims, iat: now - 60 - lifetime, exp: now - 60 };
};
