import { readTenant, type SignatureAlgorithm } from '@valetkey/core-types';
import type { KeyQuery } from '../keys/key-source.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import { findSigningKey, hasSignatureLength } from '../signatures/verify-signature.ts';
import { invalidToken } from '../token/invalid-token.ts';
import type { TokenHeader } from '../token/token-text.ts';
import type { Step, Verification, VerificationDependencies } from './verification.ts';

const maxKnownHeaders = 256;

/** The steps that check the signature of a JWT, in their order. */
export const signatureSteps = [
  {
    name: 'key',
    requirement: () => 'A key that the issuer publishes for signatures with this algorithm.',
    run: lookUpKeys,
  },
  {
    name: 'signature',
    requirement: () => 'A signature that matches the key.',
    run: checkSignature,
  },
] as const satisfies readonly Step[];

function lookUpKeys(verification: Verification): void | Promise<void> {
  const { keySource, segments } = verification;
  verification.signature = Buffer.from(segments.signature, 'base64url');
  // A token that no key can have signed must not start a fetch.
  if (!hasSignatureLength(algorithmOf(verification), verification.signature)) throw wrongSignature();
  const found = keySource.find(keyQueryOf(verification));
  if (found instanceof Promise) return found.then((keys) => setKeys(verification, keys));
  return setKeys(verification, found);
}

function setKeys(verification: Verification, found: Verification['keys']): void {
  verification.keys = found;
  if (verification.keys.length > 0) return;
  throw invalidToken(
    'unknown_key',
    'The token is signed with a key that its issuer does not publish.',
    "Get a fresh token. If it is refused again, compare the kid of the token's header with the provider's JWKS.",
  );
}

function keyQueryOf({ header: { algorithm, keyId }, claims, canonicalIssuer }: Verification): KeyQuery {
  const issuers = [claims['iss'] as string, canonicalIssuer];
  return {
    algorithm,
    keyId,
    // The step `dates` has checked that it is a date.
    issuedAtSeconds: claims['iat'] as number | undefined,
    // A key that names an issuer, as Entra ID's keys do, signs only tokens of that issuer.
    isOwnKey: ({ issuer: issuerOfKey }) =>
      issuerOfKey === undefined || issuers.some((issuer) => readTenant(issuerOfKey, issuer) !== undefined),
  };
}

function checkSignature(verification: Verification, dependencies: VerificationDependencies): void | Promise<void> {
  const { keys, segments, signature } = verification;
  const found = findSigningKey(keys, algorithmOf(verification), signature, segments.signingInput);
  if (found instanceof Promise) {
    return found.then((key) => acceptSignature(verification, dependencies, key));
  }
  return acceptSignature(verification, dependencies, found);
}

/** Accepts the signature of a key, or looks for another key that made it. */
function acceptSignature(
  verification: Verification,
  { knownHeaders }: VerificationDependencies,
  key: VerificationKey | undefined,
): void | Promise<void> {
  const { header, keySource, segments } = verification;
  if (key === undefined) return tryOtherKeys(verification, knownHeaders);
  verification.signedBy = { key, keySource };
  rememberHeader(knownHeaders, segments.header, header);
}

async function tryOtherKeys(
  verification: Verification,
  knownHeaders: VerificationDependencies['knownHeaders'],
): Promise<void> {
  const { keys, keySource, header, segments, signature } = verification;
  const others = await keySource.findOthers(keyQueryOf(verification), keys);
  const key = await findSigningKey(others, algorithmOf(verification), signature, segments.signingInput);
  if (key === undefined) throw wrongSignature();
  verification.signedBy = { key, keySource };
  rememberHeader(knownHeaders, segments.header, header);
}

/** Remembers the header of a verified token. Those of other tokens are not, so that forged tokens cannot fill the memory. */
function rememberHeader(
  knownHeaders: VerificationDependencies['knownHeaders'],
  encoded: string,
  header: TokenHeader,
): void {
  if (knownHeaders.get(encoded) === header) return;
  if (knownHeaders.size >= maxKnownHeaders) knownHeaders.clear();
  knownHeaders.set(encoded, header);
}

/** Returns the token's algorithm. The step `algorithm` has checked that it is one of the issuer's algorithms. */
function algorithmOf({ header }: Verification): SignatureAlgorithm {
  return header.algorithm as SignatureAlgorithm;
}

function wrongSignature(): Error {
  return invalidToken(
    'wrong_signature',
    "The token's signature does not match its issuer's key.",
    'Send the token unchanged. If it is unchanged, this identity provider did not issue it.',
  );
}
