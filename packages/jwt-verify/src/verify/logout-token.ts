import { isSameIdentifier, readClaim, type Issuer } from '@valetkey/core-types';
import { describeSeconds } from '../token/describe-seconds.ts';
import { invalidToken } from '../token/invalid-token.ts';
import { isJsonObject, type JsonObject, type TokenHeader } from '../token/token-text.ts';
import { subjectOf } from './claim-steps.ts';
import { parseSteps, signatureSteps } from './jwt-steps.ts';
import { datesStep } from './shared-steps.ts';
import type { Step, VerificationDependencies } from './verification.ts';
import { startVerification } from './verify-token.ts';

/** A verified logout token: the provider tells that a session, or every session of a user, has ended. */
export interface LogoutToken {
  /** The issuer of the principal. */
  readonly issuer: string;
  /** The subject of the principal. Absent if the token names only a session. */
  readonly subject: string | undefined;
  /** The session, as the claim `sid` of its tokens names it. Absent if the token names only a user. */
  readonly session: string | undefined;
  /** The `jti`. A logout token may be used once. */
  readonly tokenId: string;
  /** Seconds since 1970. */
  readonly issuedAtSeconds: number;
  /** Seconds since 1970. From then on, this token is refused in any case. */
  readonly expiresAtSeconds: number;
  /** Seconds since 1970. Each token that was issued before the logout has expired by then. */
  readonly keepUntilSeconds: number;
}

/** OpenID Connect Back-Channel Logout 1.0 section 2.4. */
const logoutEvent = 'http://schemas.openid.net/event/backchannel-logout';

/** The longest life of a logout token. The specification recommends two minutes. */
const maxLogoutLifetimeSeconds = 3_600;
const maxIdLength = 255;
/** Seconds for which a revocation is kept if the lifetime of the issuer's tokens is unknown: a year. */
const unknownLifetimeSeconds = 31_536_000;
/** The longest time for which a revocation is kept, in seconds: a century. Later dates have no usual form. */
const maxKeepSeconds = 100 * unknownLifetimeSeconds;

const askProvider =
  'Have the identity provider send a logout token as OpenID Connect Back-Channel Logout 1.0 defines it.';

/**
 * Verifies a logout token with the keys and the algorithms of its issuer (OpenID Connect Back-Channel Logout 1.0 section
 * 2.6). The rules about the claims of access tokens do not apply, because a logout token has none of these claims.
 */
export async function verifyLogoutToken(token: string, dependencies: VerificationDependencies): Promise<LogoutToken> {
  const verification = startVerification(token);
  const run = async (steps: readonly Step[]): Promise<void> => {
    for (const step of steps) await step.run(verification, dependencies);
  };
  await run(parseSteps);
  const { issuer, header, claims } = verification;
  checkLogoutEnabled(issuer, claims);
  checkKind(issuer, header, claims);
  const nowSeconds = dependencies.clock.nowMs() / 1000;
  // A logout token has a limit of its own.
  await datesStep.run({ ...verification, issuer: { ...issuer, maxLifetimeSeconds: null } }, dependencies);
  const issuedAtSeconds = checkLifetime(claims);
  const tokenId = idOf(claims, 'jti');
  const session = claims['sid'] === undefined ? undefined : idOf(claims, 'sid');
  const subject = findSubject(issuer, claims);
  if (session === undefined && subject === undefined) {
    throw invalidToken(
      'malformed_subject',
      `The logout token names no user by ${issuer.subjectClaims.join(' and ')}, and no session by sid.`,
      'Have the identity provider write the sid into its logout tokens and its access tokens.',
    );
  }
  await run(signatureSteps);
  const { clockToleranceSeconds: tolerance } = issuer;
  return {
    issuer: verification.canonicalIssuer,
    subject,
    session,
    tokenId,
    issuedAtSeconds,
    expiresAtSeconds: (claims['exp'] as number) + tolerance,
    // A token is accepted up to the tolerance after its expiry, and clocks may differ by the tolerance once more.
    keepUntilSeconds: Math.max(nowSeconds, issuedAtSeconds) + lifetimeOf(issuer) + 2 * tolerance,
  };
}

function checkLogoutEnabled({ backChannelLogout }: Issuer, { aud }: JsonObject): void {
  if (backChannelLogout === undefined) {
    throw invalidToken(
      'unknown_issuer',
      'Logout tokens of this identity provider are not accepted.',
      'Set backChannelLogout of the issuer to accept its logout tokens.',
    );
  }
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  const { audiences } = backChannelLogout;
  if (audiences.some((accepted) => named.some((name) => isSameIdentifier(name, accepted)))) return;
  throw invalidToken(
    'wrong_audience',
    `The logout token is meant for another client: its aud must name ${audiences.join(' or ')}.`,
    "Add the client id of the app to the issuer's backChannelLogout.audiences.",
  );
}

function checkKind({ algorithms }: Issuer, { algorithm, type }: TokenHeader, claims: JsonObject): void {
  const isLogoutType = type === undefined || type === 'jwt' || type === 'logout+jwt';
  const { events } = claims;
  const isLogoutEvent = isJsonObject(events) && Object.hasOwn(events, logoutEvent) && isJsonObject(events[logoutEvent]);
  // The claim nonce is forbidden, so that an ID token can never be a logout token.
  if (!isLogoutType || !isLogoutEvent || Object.hasOwn(claims, 'nonce')) {
    throw invalidToken('wrong_token_type', 'The token is not a logout token.', askProvider);
  }
  if ((algorithms as readonly string[]).includes(algorithm)) return;
  throw invalidToken(
    'algorithm_not_allowed',
    `The logout token is signed with an algorithm that is not allowed for its issuer. Allowed: ${algorithms.join(', ')}.`,
    'Have the identity provider sign its logout tokens with an allowed algorithm.',
  );
}

/** Checks the lifetime of a logout token, whose dates were checked before. Returns its `iat`. */
function checkLifetime({ iat, exp }: JsonObject): number {
  if (typeof iat !== 'number') throw invalidToken('malformed_date', 'The logout token has no iat.', askProvider);
  if ((exp as number) - iat <= maxLogoutLifetimeSeconds) return iat;
  throw invalidToken(
    'lifetime_too_long',
    `The logout token is valid for longer than the ${describeSeconds(maxLogoutLifetimeSeconds)} allowed.`,
    'Shorten the lifetime of logout tokens at the identity provider.',
  );
}

function idOf(claims: JsonObject, name: 'jti' | 'sid'): string {
  const value = claims[name];
  if (typeof value === 'string' && value !== '' && value.length <= maxIdLength && value.isWellFormed()) return value;
  throw invalidToken(
    'missing_claim',
    `The logout token's ${name} must be a string of 1 to ${maxIdLength} characters.`,
    askProvider,
  );
}

/** Returns the subject of the user as that of an access token, or undefined if the logout token lacks the claims. */
function findSubject(issuer: Issuer, claims: JsonObject): string | undefined {
  if (issuer.subjectClaims.some((path) => readClaim(claims, path) === undefined)) return undefined;
  // A logout token is about a person, although it lacks the claims by which some providers mark persons.
  return subjectOf({ ...issuer, machines: { ...issuer.machines, marks: [] } }, claims);
}

function lifetimeOf({ maxLifetimeSeconds, introspection, resolver }: Issuer): number {
  // An opaque token may have no exp.
  const isUnknown = introspection !== undefined || resolver !== undefined;
  const lifetime = isUnknown ? unknownLifetimeSeconds : (maxLifetimeSeconds ?? unknownLifetimeSeconds);
  return Math.min(lifetime, maxKeepSeconds);
}
