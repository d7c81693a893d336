import { isSameIdentifier, readTenant, type Issuer, type SignatureAlgorithm } from '@valetkey/core-types';
import type { KeyQuery } from '../keys/key-source.ts';
import type { VerificationKey } from '../keys/verification-key.ts';
import { findSigningKey, hasSignatureLength } from '../signatures/verify-signature.ts';
import { invalidToken } from '../token/invalid-token.ts';
import {
  hasMark,
  parseTokenClaims,
  parseTokenHeader,
  splitToken,
  type JsonObject,
  type TokenHeader,
} from '../token/token-text.ts';
import {
  audienceStep,
  bindingStep,
  datesStep,
  formRequirement,
  listForms,
  unknownIssuer,
  revocationStep,
  sizeStep,
} from './shared-steps.ts';
import { refusedAlgorithm } from './refused-algorithm.ts';
import { checkHeaderRules, claimRulesStep, clientStep, personStep, subjectStep } from './claim-steps.ts';
import type { Step, Verification, VerificationDependencies } from './verification.ts';

const maxKnownHeaders = 256;

/** The steps that parse a JWT and find its issuer, in their order. */
export const parseSteps = [
  sizeStep,
  {
    name: 'form',
    requirement: () => formRequirement,
    run: (verification) => {
      verification.segments = splitToken(verification.token);
    },
  },
  {
    name: 'header',
    requirement: () => 'A JSON object with unique member names, a known shape and no critical extensions.',
    run: (verification, { knownHeaders }) => {
      const { header } = verification.segments;
      verification.header = knownHeaders.get(header) ?? parseTokenHeader(header);
    },
  },
  {
    name: 'claims',
    requirement: () => 'A JSON object with unique member names.',
    run: (verification) => {
      verification.claims = parseTokenClaims(verification.segments.claims);
    },
  },
  {
    name: 'issuer',
    requirement: () => 'An iss that is configured here.',
    run: findIssuer,
  },
] as const satisfies readonly Step[];

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

/** The steps for a JWT, in their order. */
export const jwtSteps = [
  ...parseSteps,
  {
    name: 'algorithm',
    requirement: (issuer) =>
      issuer === undefined
        ? 'Signed with one of the algorithms of its issuer.'
        : `Signed with ${issuer.algorithms.join(' or ')}.`,
    run: checkAlgorithm,
  },
  {
    name: 'type',
    requirement: (issuer) =>
      issuer === undefined
        ? 'A token of a kind that the tokenType of its issuer accepts.'
        : `A token of a kind that tokenType "${issuer.tokenType}" accepts.`,
    run: ({ issuer, header, claims }) => {
      checkHeaderRules(issuer, header);
      checkType(issuer, header, claims);
    },
  },
  datesStep,
  audienceStep,
  clientStep,
  claimRulesStep,
  personStep,
  subjectStep,
  bindingStep,
  ...signatureSteps,
  revocationStep,
] as const satisfies readonly Step[];

function findIssuer(verification: Verification, dependencies: VerificationDependencies): void {
  const { iss } = verification.claims;
  const found = typeof iss === 'string' ? dependencies.findIssuer(iss) : undefined;
  if (found === undefined) throw unknownIssuer(listForms(dependencies.issuers.map(({ issuer }) => issuer)), iss);
  verification.issuer = found.entry.issuer;
  verification.keySource = found.entry.keySource;
  verification.canonicalIssuer = found.canonicalIssuer;
  const { tenants } = found.entry.issuer;
  if (tenants !== undefined) checkTenant(tenants, verification.claims, found.tenant);
}

/** Checks that the tenant in `iss` is the tenant of the user, and that it is accepted. */
function checkTenant({ claim, accepted }: NonNullable<Issuer['tenants']>, claims: JsonObject, tenant: string): void {
  const isAccepted = accepted === 'any' || accepted.some((listed) => isSameIdentifier(listed, tenant));
  if (claims[claim] === tenant && isAccepted) return;
  throw invalidToken(
    'unknown_tenant',
    claims[claim] === tenant
      ? "The token's tenant is not in the issuer's tenants.accepted."
      : `The tenant in the token's iss is not its ${claim}.`,
    "Sign in with an account of an accepted tenant, or add the tenant to the issuer's tenants.accepted.",
  );
}

function checkAlgorithm(verification: Verification): void {
  const { issuer, header } = verification;
  if ((issuer.algorithms as readonly string[]).includes(header.algorithm)) return;
  // Keycloak signs refresh tokens with a secret of its own, so that advice about the algorithm would mislead.
  if (isOtherKind(verification.claims)) {
    throw invalidToken(
      'wrong_token_type',
      'The token is a refresh token or a logout token.',
      'Send the access token, not another token of the provider.',
    );
  }
  throw refusedAlgorithm(issuer, header);
}

/** Checks that a token is of the kind that its issuer's `tokenType` accepts (RFC 8725 sections 3.11 and 3.12). */
function checkType(issuer: Issuer, { type }: TokenHeader, claims: JsonObject): void {
  const { tokenType } = issuer;
  const plain = type === undefined || type === 'jwt';
  if (tokenType === 'access') {
    if (type === 'at+jwt') return;
    throw invalidToken(
      'wrong_token_type',
      'The token is not marked as an access token: its header must have typ at+jwt.',
      "Send the access token, not the ID token. If this provider never marks its access tokens, set the issuer's tokenType to 'any'. If it gives apps ID tokens alone (Google, Firebase), set it to 'id'.",
    );
  }
  if (tokenType === 'id') {
    if (plain && !isOtherKind(claims) && claims['token_use'] !== 'access') return;
    throw invalidToken('wrong_token_type', 'The token is not an ID token.', 'Send the ID token of the signed-in user.');
  }
  if (type === 'at+jwt' || (plain && !isIdToken(issuer, claims) && !isOtherKind(claims))) return;
  throw invalidToken(
    'wrong_token_type',
    'The token is not an access token.',
    'Send the access token, not the ID token or any other token of the provider.',
  );
}

/** Claims that only ID tokens have (OpenID Connect Core 1.0 sections 2 and 3.3.2.11). */
const idTokenClaims = ['at_hash', 'c_hash', 's_hash'];

function isIdToken({ idTokenMarks, accessTokenClaims, accessTokenMarks }: Issuer, claims: JsonObject): boolean {
  const hasOne = (marks: Issuer['idTokenMarks']): boolean => marks.some((mark) => hasMark(claims, mark));
  return (
    hasOne(idTokenMarks) ||
    (accessTokenClaims.length > 0 && accessTokenClaims.every((claim) => hasMark(claims, { claim, absent: true }))) ||
    claims['token_use'] === 'id' ||
    claims['typ'] === 'ID' ||
    idTokenClaims.some((claim) => Object.hasOwn(claims, claim)) ||
    // Some providers write the nonce of the sign-in into the access token as well.
    (Object.hasOwn(claims, 'nonce') && !hasOne(accessTokenMarks))
  );
}

/** Returns whether the claims are those of a JWT that is neither an access token nor an ID token. */
function isOtherKind(claims: JsonObject): boolean {
  const kind = claims['typ'];
  return Object.hasOwn(claims, 'events') || kind === 'Refresh' || kind === 'Offline' || kind === 'Logout';
}

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
