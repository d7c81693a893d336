import { isSameIdentifier, type Issuer } from '@valetkey/core-types';
import type { DpopBinding } from '../dpop/dpop-proof.ts';
import { describeSeconds } from '../token/describe-seconds.ts';
import { invalidToken } from '../token/invalid-token.ts';
import { isOtherSpelling, withoutEndSlash } from '../token/issuer-index.ts';
import { isJsonObject, type JsonObject } from '../token/token-text.ts';
import type { Step } from './verification.ts';

/** Dates from this value on (the year 5138) are refused: they are in milliseconds instead of seconds. */
const maxDateSeconds = 1e11;

export const sizeStep = {
  name: 'size',
  requirement: () => 'No longer than the maxTokenLength of the verifier.',
  run: ({ token }, { maxTokenLength }) => {
    if (isAcceptedLength(token, maxTokenLength)) return;
    throw invalidToken(
      'token_too_large',
      `The token is longer than ${maxTokenLength} characters.`,
      'Ask the identity provider for a token with fewer claims (group lists are the usual cause).',
    );
  },
} as const satisfies Step;

/** Returns whether a token is a string of accepted length. Calls from JavaScript may pass any value. */
export function isAcceptedLength(token: unknown, maxTokenLength: number): token is string {
  return typeof token === 'string' && token.length <= maxTokenLength;
}

/** The requirement of the step `form`, for JWTs and for opaque tokens. */
export const formRequirement =
  'Three segments of canonical base64url, or an opaque token if an issuer looks up opaque tokens.';

export const datesStep = {
  name: 'dates',
  requirement: (issuer) => {
    const tolerance = issuer && `, with a tolerance of ${describeSeconds(issuer.clockToleranceSeconds)}`;
    return `Within exp, nbf and iat${tolerance ?? ''}, and with a lifetime within the limit.`;
  },
  run: (verification, { clock }) => {
    const { issuer, claims } = verification;
    verification.expiresAtSeconds = checkDates(issuer, claims, Math.floor(clock.nowMs() / 1000));
  },
} as const satisfies Step;

/** Checks the dates of a token against the clock, to the whole second. Returns the token's `exp`. */
function checkDates(issuer: Issuer, claims: JsonObject, nowSeconds: number): number {
  const { clockToleranceSeconds: tolerance, maxLifetimeSeconds } = issuer;
  const expiresAt = dateOf(claims, 'exp');
  const notBefore = dateOf(claims, 'nbf');
  const issuedAt = dateOf(claims, 'iat');
  const compareClocks = "Compare the clock of this machine with the identity provider's clock.";
  const aheadBy = (date: number): string =>
    `${describeSeconds(Math.ceil(date - nowSeconds))} ahead of the clock of this machine, which is more than the tolerance of ${describeSeconds(tolerance)}`;
  if (expiresAt === undefined) {
    throw invalidToken(
      'malformed_date',
      'The token has no exp.',
      'Have the identity provider issue tokens that expire.',
    );
  }
  if (expiresAt <= nowSeconds - tolerance) {
    throw invalidToken(
      'expired',
      `The token expired ${describeSeconds(Math.ceil(nowSeconds - expiresAt))} ago.`,
      'Get a fresh token from your identity provider and call again.',
    );
  }
  if (notBefore !== undefined && notBefore > nowSeconds + tolerance) {
    throw invalidToken('not_yet_valid', `The token is not valid yet: its nbf is ${aheadBy(notBefore)}.`, compareClocks);
  }
  if (issuedAt !== undefined && issuedAt > nowSeconds + tolerance) {
    throw invalidToken(
      'issued_in_future',
      `The token was issued in the future: its iat is ${aheadBy(issuedAt)}.`,
      compareClocks,
    );
  }
  // Such a lifetime is negative, and would pass every limit of a lifetime.
  if (issuedAt !== undefined && expiresAt < issuedAt) {
    throw invalidToken(
      'malformed_date',
      'The token expires before it is issued: its exp is before its iat.',
      'Have the identity provider write exp and iat as NumericDate of one clock.',
    );
  }
  if (maxLifetimeSeconds !== null && expiresAt - (issuedAt ?? nowSeconds) > maxLifetimeSeconds) {
    throw invalidToken(
      'lifetime_too_long',
      `The token is valid for longer than the ${describeSeconds(maxLifetimeSeconds)} allowed.`,
      "Shorten the lifetime of access tokens at the identity provider, or raise the issuer's maxLifetimeSeconds.",
    );
  }
  return expiresAt;
}

function dateOf(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value < maxDateSeconds) return value;
  throw invalidToken(
    'malformed_date',
    `The token's ${name} is not a date in seconds since 1970.`,
    'Have the identity provider write dates as NumericDate: seconds, not milliseconds.',
  );
}

/** Returns every accepted `iss` of the issuers. */
export function listForms(issuers: readonly Issuer[]): string[] {
  return issuers.flatMap(({ issuer, otherForms }) => [issuer, ...otherForms]);
}

/** Returns the error for a token whose `iss` is not accepted. Shows the `iss` only if it is another spelling of an accepted one. */
export function unknownIssuer(accepted: readonly string[], iss: unknown): Error {
  const meant = typeof iss === 'string' ? accepted.find((form) => isOtherSpelling(form, iss)) : undefined;
  if (typeof iss === 'string' && meant !== undefined) {
    const isSlash = withoutEndSlash(meant) === withoutEndSlash(iss);
    return invalidToken(
      'unknown_issuer',
      `The token is from an identity provider that is not configured: its iss is ${iss} and must be ${meant}, which differs only in ${isSlash ? 'the slash at the end' : 'scheme, letter case or port'}.`,
      `Configure the issuer as ${iss}, exactly as the iss of the token.${isSlash ? '' : ' If the provider is behind a proxy, it may also lack the setting of its own public URL (Keycloak: hostname).'}`,
    );
  }
  return invalidToken(
    'unknown_issuer',
    `The token is from an identity provider that is not configured: its iss must be ${accepted.join(' or ')}.`,
    'Send a token of a configured provider, or configure an issuer exactly as the iss of the token (a slash at the end counts).',
  );
}

/** Checks `aud` (RFC 7519 section 4.1.3). */
export const audienceStep = {
  name: 'audience',
  requirement: (issuer) => {
    if (issuer === undefined) return 'An aud that is among the audiences of its issuer.';
    const { audiences } = issuer;
    return audiences === null
      ? 'Any aud: audiences is null, which disables this check.'
      : `An aud that names ${audiences.join(' or ')}.`;
  },
  run: ({ issuer: { audiences }, claims: { aud } }) => {
    if (audiences === null) return;
    const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
    if (audiences.some((accepted) => named.some((name) => isSameIdentifier(name, accepted)))) return;
    const accepted = audiences.join(' or ');
    if (aud === undefined || named.length === 0) {
      throw invalidToken(
        'wrong_audience',
        `The token names no audience: its aud must name ${accepted}.`,
        `Have the identity provider write ${accepted} into aud. If it never writes an aud into such tokens (Amazon Cognito's access tokens, Clerk's session tokens), set the issuer's audiences to null and clientIds to the apps that may call.`,
      );
    }
    const texts = new Set(named.filter((name) => typeof name === 'string').map(withoutEndSlash));
    if (audiences.some((audience) => texts.has(withoutEndSlash(audience)))) {
      throw invalidToken(
        'wrong_audience',
        `The token is meant for another audience: its aud must name ${accepted}, and differs only in the slash at the end.`,
        "Write the token's aud into the issuer's audiences to the letter. The slash at the end counts.",
      );
    }
    throw invalidToken(
      'wrong_audience',
      `The token is meant for another audience: its aud must name ${accepted}.`,
      `Ask the identity provider for an access token with the audience ${accepted} (some providers call it resource or API identifier), or add the token's own audience to the issuer's audiences.`,
    );
  },
} as const satisfies Step;

export const bindingStep = {
  name: 'binding',
  requirement: (issuer) => {
    if (issuer === undefined) return 'Not bound to a key, or bound by DPoP if its issuer allows that.';
    if (issuer.dpop === undefined) return 'Not bound to a key.';
    return issuer.dpop.required ? 'Bound to a key by DPoP.' : 'Not bound to a key, or bound by DPoP.';
  },
  run: (verification) => {
    verification.binding = bindingOf(verification.issuer, verification.claims);
  },
} as const satisfies Step;

/** Returns the key to which a DPoP token is bound; undefined for a bearer token. */
function bindingOf({ dpop, clockToleranceSeconds }: Issuer, claims: JsonObject): DpopBinding | undefined {
  if (!Object.hasOwn(claims, 'cnf')) {
    if (dpop === undefined || !dpop.required) return undefined;
    throw invalidToken(
      'unbound_token',
      'The token is not bound to a key, and the configuration of its issuer requires bound tokens.',
      'Ask the identity provider for a DPoP-bound token (RFC 9449).',
      'invalid_token',
    );
  }
  const { cnf } = claims;
  if (dpop !== undefined && isJsonObject(cnf) && Object.keys(cnf).length === 1) {
    const thumbprint = cnf['jkt'];
    if (typeof thumbprint === 'string') return { thumbprint, settings: dpop, clockToleranceSeconds };
  }
  throw invalidToken(
    'bound_token',
    'The token is bound to a key in a way that its issuer record does not accept.',
    "Ask the identity provider for a bearer token, or set the issuer's dpop for DPoP-bound tokens.",
  );
}

export const revocationStep = {
  name: 'revocation',
  requirement: () => 'Not revoked in this process.',
  run: ({ token, canonicalIssuer: issuer, subject, claims }, { revocations }) => {
    if (!revocations.matches({ issuer, subject, claims }, token)) return;
    throw invalidToken('revoked', 'The token was revoked.', 'Sign in again for a new token.');
  },
} as const satisfies Step;
