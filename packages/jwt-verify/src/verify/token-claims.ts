import type { Issuer } from '@valetkey/core-types';
import type { DpopBinding } from '../dpop/dpop-proof.ts';
import { refuse } from '../token/refusals.ts';
import { decodeText } from '../token/token-text.ts';
import { isJsonObject, parseStrictObject, type JsonObject } from '../token/strict-json.ts';

const maximumSubjectLength = 255;
/** Dates from here on (the year 5138) are milliseconds taken for seconds. */
const endOfSeconds = 1e11;

/** Reads the encoded claims of a JWT (RFC 7519, section 4). */
export function readTokenClaims(segment: string): JsonObject {
  const text = decodeText(segment);
  const claims = text === undefined ? undefined : parseStrictObject(text);
  if (claims !== undefined) return claims;
  throw refuse(
    'malformed_claims',
    "The token's claims are not a JSON object with members of different names.",
    'Have the identity provider issue a plain signed JWT.',
  );
}

function readDate(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && value >= 0 && value < endOfSeconds) return value;
  throw refuse(
    'malformed_date',
    `The token's ${name} is not a date in seconds since 1970.`,
    'Have the identity provider write dates as NumericDate: seconds, not milliseconds.',
  );
}

/** Checks the dates of a token against the clock, to the whole second. Answers its `exp`. */
export function checkDates(issuer: Issuer, claims: JsonObject, nowSeconds: number): number {
  const { clockToleranceSeconds: tolerance, maxLifetimeSeconds } = issuer;
  const expiresAt = readDate(claims, 'exp');
  const notBefore = readDate(claims, 'nbf');
  const issuedAt = readDate(claims, 'iat');
  const clocks = "Compare the clock of this machine with the identity provider's.";
  if (expiresAt === undefined) {
    throw refuse('malformed_date', 'The token has no exp.', 'Have the identity provider issue tokens that expire.');
  }
  if (expiresAt <= nowSeconds - tolerance) {
    throw refuse('expired', 'The token has expired.', 'Get a fresh token from your identity provider and call again.');
  }
  if (notBefore !== undefined && notBefore > nowSeconds + tolerance) {
    throw refuse('not_yet_valid', 'The token is not valid yet.', clocks);
  }
  if (issuedAt !== undefined && issuedAt > nowSeconds + tolerance) {
    throw refuse('issued_in_future', 'The token was issued in the future.', clocks);
  }
  if (maxLifetimeSeconds !== null && expiresAt - (issuedAt ?? nowSeconds) > maxLifetimeSeconds) {
    throw refuse(
      'lifetime_too_long',
      `The token lives longer than the ${maxLifetimeSeconds} seconds allowed.`,
      "Shorten the life of access tokens at the identity provider, or raise the issuer's maxLifetimeSeconds.",
    );
  }
  return expiresAt;
}

/** Whether the token is meant for us (RFC 7519, section 4.1.3). */
export function checkAudience({ audiences }: Issuer, claims: JsonObject): void {
  if (audiences === null) return;
  const { aud } = claims;
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (audiences.some((audience) => named.includes(audience))) return;
  throw refuse(
    'wrong_audience',
    `The token is meant for another audience: its aud must name ${audiences.join(' or ')}.`,
    `Ask the identity provider for an access token with the audience ${audiences.join(' or ')} (some call it resource or API identifier), or add the token's own audience to the issuer's audiences.`,
  );
}

/** Whether the token was issued to one of our apps (RFC 9068, section 2.2). */
export function checkClient({ clientIds }: Issuer, claims: JsonObject): void {
  if (clientIds === undefined || clientIds.some((clientId) => claims['client_id'] === clientId)) return;
  throw refuse(
    'wrong_client',
    `The token was issued to another app: its client_id must be ${clientIds.join(' or ')}.`,
    "Send a token that this app got for itself, or add the app's client id to the issuer's clientIds.",
  );
}

/** The person that the token speaks for. */
export function readSubject({ sub }: JsonObject): string {
  // A lone surrogate turns into U+FFFD in UTF-8, and so two subjects into one.
  if (typeof sub === 'string' && sub !== '' && sub.length <= maximumSubjectLength && sub.isWellFormed()) return sub;
  throw refuse(
    'malformed_subject',
    `The token's sub is not a string of 1 to ${maximumSubjectLength} characters.`,
    'Have the identity provider put a stable user id into sub.',
  );
}

/** The key that a DPoP-bound token is bound to; `undefined` for a bearer token. */
export function readBinding({ dpop, clockToleranceSeconds }: Issuer, claims: JsonObject): DpopBinding | undefined {
  if (!Object.hasOwn(claims, 'cnf')) {
    if (dpop === undefined || !dpop.required) return undefined;
    throw refuse(
      'unbound_token',
      'The token is not bound to a key, and this issuer only takes tokens that are.',
      'Ask the identity provider for a DPoP-bound token (RFC 9449).',
    );
  }
  const { cnf } = claims;
  if (dpop !== undefined && isJsonObject(cnf) && Object.keys(cnf).length === 1) {
    const thumbprint = cnf['jkt'];
    if (typeof thumbprint === 'string') return { thumbprint, settings: dpop, clockToleranceSeconds };
  }
  throw refuse(
    'bound_token',
    'The token is bound to a key in a way that is not taken here.',
    "Ask the identity provider for a bearer token, or set the issuer's dpop for DPoP-bound ones.",
  );
}
