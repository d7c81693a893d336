import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import type { Issuer } from '@valetkey/core-types';
import type { DpopNonces } from './dpop-nonces.ts';
import { refuse } from '../token/refusals.ts';
import type { ReplayStore } from './replay-store.ts';
import { decodeText, splitToken } from '../token/token-text.ts';
import { isJsonObject, parseStrictObject, type JsonObject } from '../token/strict-json.ts';
import { readVerificationKey } from '../keys/verification-key.ts';

const maximumProofLength = 8192;
const maximumIdLength = 256;

/** A caller's proof that it holds the key of its token (RFC 9449), and the request that it is about. */
export interface DpopContext {
  /** The value of the `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** The URL of the request as the caller knows it; query and fragment do not count. */
  readonly url: string;
}

/** The key that a token is bound to, and how proofs of it are checked. */
export interface DpopBinding {
  /** SHA-256 thumbprint (RFC 7638) of the public key: the token's `cnf.jkt`. */
  readonly thumbprint: string;
  readonly settings: NonNullable<Issuer['dpop']>;
  readonly clockToleranceSeconds: number;
}

/** What checking proofs works with. */
export interface DpopEnvironment {
  readonly nowSeconds: () => number;
  readonly nonces: DpopNonces;
  readonly replayStore: ReplayStore;
}

function invalidProof(what: string): Error {
  return refuse(
    'invalid_dpop_proof',
    `The DPoP proof ${what}.`,
    'Make a new proof for every request (RFC 9449, section 4.2), signed with the key that the token is bound to.',
  );
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function withoutQuery(text: unknown): string | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const { origin, pathname } = new URL(text);
  return origin + pathname;
}

function readSegment(segment: string): JsonObject {
  const text = decodeText(segment);
  const value = text === undefined ? undefined : parseStrictObject(text);
  if (value === undefined) throw invalidProof('is not a JWT');
  return value;
}

function splitProof(proof: string): { readonly header: JsonObject; readonly claims: JsonObject } {
  try {
    if (proof.length > maximumProofLength) throw invalidProof('is too large');
    const { header, claims } = splitToken(proof);
    return { header: readSegment(header), claims: readSegment(claims) };
  } catch {
    throw invalidProof('is not a JWT');
  }
}

/** Checks the proof's own key and signature (section 4.3, points 2 to 7). Answers the key's thumbprint. */
async function verifyProofSignature(proof: string, header: JsonObject, algorithms: readonly string[]): Promise<string> {
  const { typ, alg, jwk } = header;
  if (typ !== 'dpop+jwt') throw invalidProof('is of another type than dpop+jwt');
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    throw invalidProof(`is signed with another algorithm than ${algorithms.join(', ')}`);
  }
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) throw invalidProof('names header extensions');
  if (!isJsonObject(jwk) || typeof readVerificationKey(jwk) === 'string') {
    throw invalidProof('carries no usable public key');
  }
  const key = jwk as JWK;
  try {
    await compactVerify(proof, await importJWK(key, alg), { algorithms: [alg] });
    return await calculateJwkThumbprint(key, 'sha256');
  } catch {
    throw invalidProof('has a wrong signature');
  }
}

/**
 * Checks a proof against the request, the token and the key that the token is bound to (RFC 9449, section 4.3).
 *
 * @throws {ValetKeyError} `invalid_token`, with the reason `invalid_dpop_proof` or `use_dpop_nonce`.
 */
export async function checkDpopProof(
  { proof, method, url }: DpopContext,
  token: string,
  { thumbprint, settings, clockToleranceSeconds }: DpopBinding,
  { nowSeconds, nonces, replayStore }: DpopEnvironment,
): Promise<void> {
  const { algorithms, maxAgeSeconds, nonceRequired } = settings;
  const { header, claims } = splitProof(proof);
  const { htm, htu, iat, jti, ath, nonce } = claims;
  if ((await verifyProofSignature(proof, header, algorithms)) !== thumbprint) {
    throw invalidProof('is signed with another key than the token is bound to');
  }
  if (htm !== method) throw invalidProof('is for another method (htm)');
  const target = withoutQuery(url);
  if (target === undefined || withoutQuery(htu) !== target) throw invalidProof('is for another URL (htu)');
  if (ath !== digest(token)) throw invalidProof('is for another token (ath)');
  const age = typeof iat === 'number' ? nowSeconds() - iat : NaN;
  if (!(age <= maxAgeSeconds + clockToleranceSeconds && age >= -clockToleranceSeconds)) {
    throw invalidProof(`was not made within the last ${maxAgeSeconds} seconds (iat)`);
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > maximumIdLength) throw invalidProof('has no usable jti');
  if (nonceRequired && !(typeof nonce === 'string' && nonces.isCurrent(nonce))) {
    throw refuse(
      'use_dpop_nonce',
      'The DPoP proof needs a nonce.',
      'Put the DPoP-Nonce of this answer into the proof.',
    );
  }
  const rememberSeconds = maxAgeSeconds + 2 * clockToleranceSeconds;
  if (!(await replayStore.add(digest(`${thumbprint} ${jti}`), rememberSeconds))) {
    throw invalidProof('was used before (jti)');
  }
}
