import { createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { JwtVerifier as AwsJwtVerifier } from 'aws-jwt-verify';
import { createVerifier as createFastVerifier } from 'fast-jwt';
import { compactVerify, createLocalJWKSet, importJWK, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import type { Contestant } from '../../../tools/bench/measure.ts';
import { createJwtVerifier } from '../src/index.ts';
import { encodeEcdsaSignature } from '../src/signatures/verify-signature.ts';

export type BenchAlgorithm = 'RS256' | 'ES256' | 'EdDSA';

const issuer = 'https://id.example.com';
const audience = 'https://api.example.com';

function generate(algorithm: BenchAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

/** Creates a key, and a function that signs tokens as a typical provider does. */
export function createIssuer(algorithm: BenchAlgorithm) {
  const { publicKey, privateKey } = generate(algorithm);
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = encode({ alg: algorithm, typ: 'at+jwt', kid: 'k1' });
  const iat = Math.floor(Date.now() / 1000);
  const signToken = (index: number): string => {
    const claims = { iss: issuer, sub: `user-${index}`, aud: audience, iat, exp: iat + 3600, jti: `${index}` };
    const signingInput = `${header}.${encode({ ...claims, client_id: 'app', scope: 'openid profile read write' })}`;
    const signature = sign(hash, Buffer.from(signingInput), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signingInput}.${signature.toString('base64url')}`;
  };
  return {
    algorithm,
    publicKey,
    signToken,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: algorithm, use: 'sig' },
  };
}

export type BenchIssuer = ReturnType<typeof createIssuer>;

export function createOurs({ algorithm, jwk }: BenchIssuer) {
  return createJwtVerifier({
    issuers: [{ issuer, audiences: [audience], algorithms: [algorithm], jwks: { keys: [jwk] } }],
  });
}

export function createFastJwt({ algorithm, publicKey }: BenchIssuer, cache: boolean | number) {
  return createFastVerifier({
    key: publicKey.export({ format: 'pem', type: 'spki' }),
    algorithms: [algorithm],
    allowedIss: issuer,
    allowedAud: audience,
    cache,
  });
}

/**
 * Creates a contestant that no library can beat: it only verifies the signatures of tokens that are already decoded, in the
 * form that is fastest for Node.
 */
function createFloor({ algorithm, publicKey }: BenchIssuer, tokens: readonly string[]): Contestant {
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  const parts = tokens.map((token) => {
    const dot = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(dot + 1), 'base64url');
    const encoded = algorithm === 'ES256' ? encodeEcdsaSignature(signature, 32) : signature;
    return [Buffer.from(token.slice(0, dot)), encoded ?? signature] as const;
  });
  const work = (index: number): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const [data, signature] = parts[index] ?? [Buffer.alloc(0), Buffer.alloc(0)];
      verify(hash, data, publicKey, signature, (error, valid) =>
        error === null && valid ? resolve(valid) : reject(error),
      );
    });
  return { name: 'floor: node:crypto verify', prepare: () => work };
}

/** Creates contestants that verify every token for the first time. */
export async function createColdContestants(
  benchIssuer: BenchIssuer,
  tokens: readonly string[],
): Promise<Contestant[]> {
  const { algorithm, jwk, publicKey } = benchIssuer;
  const token = (index: number): string => tokens[index] ?? '';
  const checks = { issuer, audience, algorithms: [algorithm], typ: 'at+jwt' };
  const keySet = createLocalJWKSet({ keys: [jwk] });
  const joseKey = await importJWK(jwk, algorithm);
  const aws = AwsJwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/jwks` });
  aws.cacheJwks({ keys: [jwk as never] });
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const jsonwebtokenWork = (index: number): unknown =>
    jsonwebtoken.verify(token(index), key, { algorithms: [algorithm as 'RS256'], issuer, audience });
  return [
    createFloor(benchIssuer, tokens),
    {
      name: '@valetkey/jwt-verify',
      prepare: () => {
        const verifier = createOurs(benchIssuer);
        return (index) => verifier.verify(token(index));
      },
    },
    { name: 'jose, JWK Set', prepare: () => (index) => jwtVerify(token(index), keySet, checks) },
    { name: 'jose, one key', prepare: () => (index) => jwtVerify(token(index), joseKey, checks) },
    { name: 'jose, signature only', prepare: () => (index) => compactVerify(token(index), joseKey) },
    {
      name: 'fast-jwt, cache off',
      prepare: () => {
        const verifier = createFastJwt(benchIssuer, false);
        return (index) => verifier(token(index));
      },
    },
    {
      name: 'fast-jwt, cache on',
      prepare: () => {
        const verifier = createFastJwt(benchIssuer, 10_000);
        return (index) => verifier(token(index));
      },
    },
    { name: 'aws-jwt-verify', prepare: () => (index) => aws.verify(token(index)) },
    // jsonwebtoken does not support EdDSA.
    ...(publicKey.asymmetricKeyType === 'ed25519' ? [] : [{ name: 'jsonwebtoken', prepare: () => jsonwebtokenWork }]),
  ];
}
