import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import type { Issuer, Principal } from '@valetkey/core-types';
import { parseVerificationKey } from '../keys/verification-key.ts';
import { describeSeconds } from '../token/describe-seconds.ts';
import { invalidToken } from '../token/invalid-token.ts';
import { isJsonObject, parseSegment, splitToken, type JsonObject } from '../token/token-text.ts';
import type { DpopNonces } from './dpop-nonces.ts';
import type { ReplayStore } from './replay-store.ts';

const maxProofLength = 8192;
const maxIdLength = 256;

/**
 * A URL whose path has a dot segment or a backslash. A URL parser resolves them and a router may not, so a proof for one route would
 * match a request to another one.
 */
const unresolvedPath = /^[^?#]*(?:\\|\/(?:\.|%2e){1,2}(?:[/?#]|$))/i;

/** A DPoP proof (RFC 9449), and the request that carries it. The proof shows that the caller holds the token's key. */
export interface DpopContext {
  /** The value of the `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** The URL of the request as the caller sees it. The query and the fragment are ignored. */
  readonly url: string;
}

/** A token, its principal, and the key to which it is bound. */
export interface PresentedToken {
  readonly token: string;
  readonly principal: Pick<Principal, 'issuer' | 'subject'>;
  /** Absent for a bearer token. */
  readonly binding: DpopBinding | undefined;
}

/** The key to which a token is bound, and the rules of the token's issuer for proofs. */
export interface DpopBinding {
  /** SHA-256 thumbprint (RFC 7638) of the public key: the token's `cnf.jkt`. */
  readonly thumbprint: string;
  readonly settings: NonNullable<Issuer['dpop']>;
  readonly clockToleranceSeconds: number;
}

/** The dependencies of {@link checkPresentation}. */
export interface DpopDependencies {
  readonly nowSeconds: () => number;
  readonly nonces: DpopNonces;
  readonly replayStore: ReplayStore;
}

/**
 * Checks that a request with a bound token carries a proof of the token's key, and that a request with an unbound token
 * carries no proof.
 *
 * @throws {ValetKeyError} `invalid_token` with a `cause` of the type `dpop`; `rate_limited` if the principal has too many proofs in
 *   use; `overloaded` if the proof cannot be remembered.
 */
export async function checkPresentation(
  { token, principal, binding }: PresentedToken,
  dpop: DpopContext | undefined,
  dependencies: DpopDependencies,
): Promise<void> {
  if (binding === undefined) {
    if (dpop === undefined) return;
    throw invalidToken(
      'unbound_token',
      'The token is not bound to a key.',
      'Send the token as `Authorization: Bearer <token>`, without a proof.',
      'invalid_token',
    );
  }
  if (dpop === undefined) {
    throw invalidToken(
      'bound_token',
      'The token is bound to a key, and the request carries no proof of that key.',
      'Send the token as `Authorization: DPoP <token>`, with a proof in the `DPoP` header (RFC 9449).',
      'invalid_token',
    );
  }
  await checkProof(dpop, { token, principal, binding }, dependencies);
}

/** Checks a proof against the request, the token and the token's key (RFC 9449 section 4.3). */
async function checkProof(
  { proof, method, url }: DpopContext,
  { token, principal, binding }: PresentedToken & { readonly binding: DpopBinding },
  { nowSeconds, nonces, replayStore }: DpopDependencies,
): Promise<void> {
  const { thumbprint, settings, clockToleranceSeconds } = binding;
  const { algorithms, maxAgeSeconds, nonceRequired } = settings;
  const { header, claims } = parseProof(proof);
  const { htm, htu, iat, jti, ath, nonce } = claims;
  if ((await verifyProofSignature(proof, header, algorithms)) !== thumbprint) {
    throw invalidProof('is signed with another key than the key of the token');
  }
  if (htm !== method) throw invalidProof('is for another method (htm)');
  const target = unresolvedPath.test(url) ? undefined : withoutQuery(url);
  if (target === undefined || withoutQuery(htu) !== target) throw invalidProof('is for another URL (htu)');
  if (ath !== digest(token)) throw invalidProof('is for another token (ath)');
  const age = typeof iat === 'number' ? nowSeconds() - iat : NaN;
  if (!(age <= maxAgeSeconds + clockToleranceSeconds && age >= -clockToleranceSeconds)) {
    throw invalidProof(`was not signed within the last ${describeSeconds(maxAgeSeconds)} (iat)`);
  }
  if (typeof jti !== 'string' || jti === '' || jti.length > maxIdLength) throw invalidProof('has no usable jti');
  if (nonceRequired && !(typeof nonce === 'string' && nonces.isAccepted(nonce))) {
    throw invalidToken(
      'use_dpop_nonce',
      'The DPoP proof needs a nonce.',
      'Put the value of the `DPoP-Nonce` header of this response into the proof.',
    );
  }
  // One second more than the longest time for which this proof can be accepted, because that time includes its last moment.
  const rememberSeconds = maxAgeSeconds + 2 * clockToleranceSeconds + 1;
  const callerId = digest(JSON.stringify([principal.issuer, principal.subject]));
  if (!(await replayStore.add(digest(`${thumbprint} ${jti}`), rememberSeconds, callerId))) {
    throw invalidProof('was used before (jti)');
  }
}

function parseProof(proof: string): { readonly header: JsonObject; readonly claims: JsonObject } {
  if (proof === '') throw invalidProof('is missing (header DPoP)');
  if (proof.length > maxProofLength) throw invalidProof(`is longer than ${maxProofLength} characters`);
  try {
    const segments = splitToken(proof);
    const header = parseSegment(segments.header);
    const claims = parseSegment(segments.claims);
    if (header !== undefined && claims !== undefined) return { header, claims };
  } catch {
    // The error of `splitToken` is about a token. The error below names the proof.
  }
  throw invalidProof('is not a JWT');
}

/** Verifies a proof with the key in its header (section 4.3, points 2 to 7). Resolves to the thumbprint of that key. */
async function verifyProofSignature(proof: string, header: JsonObject, algorithms: readonly string[]): Promise<string> {
  const { typ, alg, jwk } = header;
  if (typ !== 'dpop+jwt') throw invalidProof('has another typ than dpop+jwt');
  if (typeof alg !== 'string' || !algorithms.includes(alg)) {
    throw invalidProof(`is signed with another algorithm than ${algorithms.join(', ')}`);
  }
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64'))
    throw invalidProof('has critical header extensions (crit or b64)');
  const parsed = isJsonObject(jwk) ? parseVerificationKey(jwk) : undefined;
  if (parsed === undefined || typeof parsed === 'string') throw invalidProof('carries no usable public key');
  const key = jwk as JWK;
  let thumbprint: string;
  try {
    await compactVerify(proof, await importJWK(key, alg), { algorithms: [alg] });
    thumbprint = await calculateJwkThumbprint(key, 'sha256');
  } catch {
    throw invalidProof('has a wrong signature');
  }
  if (!parsed.algorithms.has(alg)) throw invalidProof('is signed with another algorithm than the one of its key');
  return thumbprint;
}

function invalidProof(problem: string): Error {
  return invalidToken(
    'invalid_dpop_proof',
    `The DPoP proof ${problem}.`,
    'Sign a new proof for every request (RFC 9449 section 4.2), with the key to which the token is bound.',
  );
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** Returns a URL without query and fragment, normalized (RFC 3986 sections 6.2.2 and 6.2.3): a proxy may encode it anew. */
function withoutQuery(text: unknown): string | undefined {
  if (typeof text !== 'string' || !URL.canParse(text)) return undefined;
  const { origin, pathname } = new URL(text);
  return origin + pathname.replaceAll(/%[0-9a-f]{2}/gi, normalizeEncoded);
}

function normalizeEncoded(encoded: string): string {
  const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16));
  return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
}
