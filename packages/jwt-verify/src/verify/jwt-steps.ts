import { readTenant, type Issuer, type SignatureAlgorithm } from '@valetkey/core-types';
import { findSigningKey, hasSignatureLength } from '../signatures/verify-signature.ts';
import {
  hasMark,
  parseTokenClaims,
  parseTokenHeader,
  splitToken,
  type JsonObject,
  type TokenHeader,
} from '../token/token-text.ts';
import { invalidToken } from '../token/invalid-token.ts';
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
import { checkHeaderRules, claimRulesStep, clientStep, personStep, subjectStep } from './claim-steps.ts';
import type { Step, Verification, VerificationDependencies } from './verification.ts';

const maxKnownHeaders = 256;

/** The steps for a JWT, in their order. */
export const jwtSteps = [
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
  if (claims[claim] === tenant && (accepted === 'any' || accepted.includes(tenant))) return;
  throw invalidToken(
    'unknown_tenant',
    claims[claim] === tenant
      ? "The token's tenant is not in the issuer's tenants.accepted."
      : `The tenant in the token's iss is not its ${claim}.`,
    "Sign in with an account of an accepted tenant, or add the tenant to the issuer's tenants.accepted.",
  );
}

function checkAlgorithm({ issuer: { algorithms }, header: { algorithm } }: Verification): void {
  if ((algorithms as readonly string[]).includes(algorithm)) return;
  if (algorithm.startsWith('HS')) {
    throw invalidToken(
      'algorithm_not_allowed',
      'The token is signed with a shared secret (HS256 or similar), which every holder of the secret could use to forge tokens.',
      'Have the identity provider sign with a key pair, and send a token that was issued after that. Supabase: Project Settings > JWT Keys > migrate to signing keys and rotate. Auth0: set the signing algorithm of the API to RS256.',
    );
  }
  throw invalidToken(
    'algorithm_not_allowed',
    `The token is signed with an algorithm that is not allowed for its issuer. Allowed: ${algorithms.join(', ')}.`,
    "Have the identity provider sign with an allowed algorithm, or add its algorithm to the issuer's algorithms.",
  );
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
  if (type === 'at+jwt' || (plain && !isIdToken(claims, issuer) && !isOtherKind(claims))) return;
  throw invalidToken(
    'wrong_token_type',
    'The token is not an access token.',
    'Send the access token, not the ID token or any other token of the provider.',
  );
}

/** Claims that only ID tokens have (OpenID Connect Core 1.0 sections 2 and 3.3.2.11). */
const idTokenClaims = ['at_hash', 'c_hash', 's_hash'];

function isIdToken(claims: JsonObject, { idTokenMarks, accessTokenMarks }: Issuer): boolean {
  const hasOne = (marks: Issuer['idTokenMarks']): boolean => marks.some((mark) => hasMark(claims, mark));
  return (
    hasOne(idTokenMarks) ||
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
  const { keySource, header, segments } = verification;
  verification.signature = Buffer.from(segments.signature, 'base64url');
  // A token that no key can have signed must not start a fetch.
  if (!hasSignatureLength(algorithmOf(verification), verification.signature)) throw wrongSignature();
  const found = keySource.find(header.algorithm, header.keyId);
  if (found instanceof Promise) return found.then((keys) => setKeys(verification, keys));
  return setKeys(verification, found);
}

function setKeys(verification: Verification, found: Verification['keys']): void {
  verification.keys = found.filter(({ issuer }) => issuer === undefined || isOwnKey(verification, issuer));
  if (verification.keys.length > 0) return;
  throw invalidToken(
    'unknown_key',
    'The token is signed with a key that its issuer does not publish.',
    "Get a fresh token. If it is refused again, compare the kid of the token's header with the provider's JWKS.",
  );
}

/** Returns whether a key that names an issuer (as Entra ID's keys do) may sign tokens of this issuer. */
function isOwnKey({ claims, canonicalIssuer }: Verification, issuerOfKey: string): boolean {
  return [claims['iss'] as string, canonicalIssuer].some((issuer) => readTenant(issuerOfKey, issuer) !== undefined);
}

async function checkSignature(verification: Verification, { knownHeaders }: VerificationDependencies): Promise<void> {
  const { keys, keySource, header, segments, signature } = verification;
  const algorithm = algorithmOf(verification);
  const data = Buffer.from(segments.signingInput, 'latin1');
  let key = await findSigningKey(keys, algorithm, signature, data);
  if (key === undefined) {
    const others = await keySource.findOthers(algorithm, header.keyId, keys);
    key = await findSigningKey(others, algorithm, signature, data);
  }
  if (key === undefined) throw wrongSignature();
  verification.signedBy = { key, keySource };
  // Only headers of verified tokens are remembered, so that forged tokens cannot fill the memory.
  if (knownHeaders.size >= maxKnownHeaders) knownHeaders.clear();
  knownHeaders.set(segments.header, header);
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
