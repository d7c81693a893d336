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
import type { TokenFlaw } from './responses.ts';
import { nowSeconds } from './now-seconds.ts';

/** An algorithm with which a simulation can sign. */
export type SigningAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

/** The algorithms of one issuer. The first one is the default. */
export type SigningAlgorithms = readonly [SigningAlgorithm, ...SigningAlgorithm[]];

interface SigningKey {
  readonly algorithm: SigningAlgorithm;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK & { readonly kid: string };
}

/** How a token is signed. */
export interface SignOptions {
  /** Default: the first algorithm of the issuer. */
  readonly algorithm?: SigningAlgorithm | undefined;
  /** The `typ` of the header. Default: `JWT`; `null` leaves it out. */
  readonly typ?: string | null | undefined;
  /** Whether the header names the key (`kid`). Default: true. */
  readonly withKeyId?: boolean | undefined;
  readonly flaw?: TokenFlaw | undefined;
}

/** The signing keys of one issuer. They are created on first use and never leave the process. */
export interface SigningKeys {
  readonly sign: (claims: JWTPayload, options?: SignOptions) => Promise<string>;
  /** Verifies a token with the published keys and the clock. Resolves to its claims, or to the reason why it is not valid. */
  readonly check: (token: string) => Promise<JWTPayload | 'expired' | 'invalid'>;
  /** Resolves to the claims of a valid token, or to undefined. */
  readonly verify: (token: string) => Promise<JWTPayload | undefined>;
  /** Resolves to the published keys as a JWK Set (RFC 7517). */
  readonly jwks: () => Promise<JSONWebKeySet>;
  /** Signs with new keys from now on. The old ones stay published, so that their tokens still verify. */
  readonly rotate: () => Promise<void>;
  /** Publishes only the current keys, so that tokens of older keys no longer verify. */
  readonly withdraw: () => Promise<void>;
}

/** Creates the signing keys of one issuer, one for each algorithm. */
export function createSigningKeys(clock: Clock, algorithms: SigningAlgorithms): SigningKeys {
  let current: Promise<readonly SigningKey[]> | undefined;
  let unpublished: Promise<readonly SigningKey[]> | undefined;
  let retired: readonly SigningKey[] = [];

  const createKeys = () => Promise.all(algorithms.map(createSigningKey));
  const currentKeys = () => (current ??= createKeys());

  async function jwks(): Promise<JSONWebKeySet> {
    return { keys: [...(await currentKeys()), ...retired].map((key) => key.publicJwk) };
  }

  /** Tries every published key, because a token need not name the key that signed it. */
  async function check(token: string): Promise<JWTPayload | 'expired' | 'invalid'> {
    const { keys } = await jwks();
    const outcomes = await Promise.all(keys.map((key) => verifyWith(key, token, clock)));
    return outcomes.find((outcome) => outcome !== 'invalid') ?? 'invalid';
  }

  return {
    jwks,
    check,
    async sign(claims, { algorithm = algorithms[0], typ = 'JWT', withKeyId = true, flaw } = {}) {
      const keys = await (flaw === 'unpublished-key' ? (unpublished ??= createKeys()) : currentKeys());
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
    async verify(token) {
      const outcome = await check(token);
      return typeof outcome === 'string' ? undefined : outcome;
    },
    async rotate() {
      const old = await currentKeys();
      const next = await createKeys();
      retired = [...retired, ...old];
      current = Promise.resolve(next);
    },
    async withdraw() {
      await currentKeys();
      retired = [];
    },
  };
}

async function createSigningKey(algorithm: SigningAlgorithm): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm);
  const jwk = await exportJWK(publicKey);
  return {
    algorithm,
    privateKey,
    publicJwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: algorithm, use: 'sig' },
  };
}

async function verifyWith(key: JWK, token: string, clock: Clock): Promise<JWTPayload | 'expired' | 'invalid'> {
  try {
    const keySet = createLocalJWKSet({ keys: [key] });
    return (await jwtVerify(token, keySet, { currentDate: new Date(clock.nowMs()) })).payload;
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
  }
}

/** Moves the whole lifetime of a token into the past. */
function expire(claims: JWTPayload, now: number): JWTPayload {
  const lifetime = (claims.exp ?? now) - (claims.iat ?? now);
  return { ...claims, iat: now - 60 - lifetime, exp: now - 60 };
}
