import { isSameIdentifier, signatureAlgorithms, type Issuer } from '@valetkey/core-types';
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
import { checkHeaderRules, claimRulesStep, clientStep, personStep, subjectStep } from './claim-steps.ts';
import { signatureSteps } from './signature-steps.ts';
import type { Step, Verification, VerificationDependencies } from './verification.ts';

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

function checkAlgorithm({ issuer: { algorithms }, header: { algorithm }, claims }: Verification): void {
  if ((algorithms as readonly string[]).includes(algorithm)) return;
  // Keycloak signs refresh tokens with a secret of its own, so that advice about the algorithm would mislead.
  if (isOtherKind(claims)) {
    throw invalidToken(
      'wrong_token_type',
      'The token is a refresh token or a logout token.',
      'Send the access token, not another token of the provider.',
    );
  }
  if (algorithm.startsWith('HS')) {
    throw invalidToken(
      'algorithm_not_allowed',
      'The token is signed with a shared secret (HS256 or similar), which every holder of the secret could use to forge tokens.',
      'Have the identity provider sign with a key pair, and send a token that was issued after that. Supabase: Project Settings > JWT Keys > migrate to signing keys and rotate. Auth0: set the signing algorithm of the API to RS256.',
    );
  }
  if (!(signatureAlgorithms as readonly string[]).includes(algorithm)) {
    throw invalidToken(
      'algorithm_not_allowed',
      `The token is not signed, or with an algorithm that is not supported. Allowed: ${algorithms.join(', ')}.`,
      'Have the identity provider sign its tokens with an allowed algorithm. Emulators, such as that of Firebase, do not sign tokens: use a real project.',
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
