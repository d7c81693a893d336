import { invalidResponseError, type VendorResponse } from './door/response.ts';

/** The longest lifetime of a token that a vendor can name, in seconds, unless the vendor documents a longer one: a day. */
export const defaultMaxLifetimeSeconds = 86_400;

/**
 * Reads a lifetime, such as `expires_in`: seconds as a number or as text. Returns whole seconds, or undefined for a value that
 * names none (absent, zero, negative, not a number). A value above `maxSeconds` counts as milliseconds if it then fits, and
 * as `maxSeconds` otherwise: the token is renewed too early, never too late.
 *
 * @example
 * ```ts
 * const expiresInSeconds = readLifetimeSeconds(grant.expires_in, 3_600) ?? 300;
 * ```
 */
export function readLifetimeSeconds(value: unknown, maxSeconds = defaultMaxLifetimeSeconds): number | undefined {
  const seconds = Math.floor(readNumber(value) ?? 0);
  if (seconds <= 0) return undefined;
  if (seconds <= maxSeconds) return seconds;
  const fromMilliseconds = Math.floor(seconds / 1_000);
  return fromMilliseconds <= maxSeconds ? fromMilliseconds : maxSeconds;
}

/** The moment 1973 in milliseconds and the year 5138 in seconds: no token of today has either. */
const firstMilliseconds = 1e11;

const isoForm = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d[\d:.]*)([Zz]|[+-]\d\d:?\d\d)?$/;

/**
 * Reads a moment, such as `exp`, `iat` or `expires_at`: seconds or milliseconds since 1970 as a number or as text, or a date in
 * ISO 8601, which is in UTC unless it names a zone. Returns seconds since 1970, or undefined for a value that names no moment.
 */
export function readEpochSeconds(value: unknown): number | undefined {
  const number = readNumber(value);
  if (number !== undefined) return Math.abs(number) >= firstMilliseconds ? number / 1_000 : number;
  const [, date, time, zone = 'Z'] = (typeof value === 'string' && isoForm.exec(value.trim())) || [];
  // Without a zone, JavaScript would read the time in the zone of this machine.
  const milliseconds = Date.parse(`${date}T${time}${zone}`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1_000;
}

/** The moments of a token, as the vendor wrote them. */
interface TokenTimes {
  readonly issuedAt?: unknown;
  readonly expiresAt?: unknown;
}

/**
 * Returns the whole seconds, at most `maxSeconds`, until a token of a response expires, or undefined if the vendor does not
 * say. The time is the vendor's own, from the response's `Date` (RFC 9110 section 6.6.1): the clock of this machine may be
 * wrong, and a vendor may return a token that it issued earlier. Throws `vendor_response_invalid` for an expired token.
 *
 * @example
 * ```ts
 * const expiresInSeconds = remainingSeconds(response, { expiresAt: grant.expires_at });
 * ```
 */
export function remainingSeconds(
  { vendor, headers }: Pick<VendorResponse, 'vendor' | 'headers'>,
  { issuedAt, expiresAt }: TokenTimes,
  maxSeconds = defaultMaxLifetimeSeconds,
): number | undefined {
  const dateSeconds = Date.parse(String(headers['date'])) / 1_000;
  const issued = issuedAt === undefined ? dateSeconds : readEpochSeconds(issuedAt);
  const expires = readEpochSeconds(expiresAt);
  if (issued === undefined || expires === undefined || Number.isNaN(issued)) return undefined;
  const ageSeconds = dateSeconds - issued;
  // `Date` and `iat` are whole seconds, so a new token may seem one second old. Without `Date`, the token counts as new.
  const seconds = Math.floor(expires - issued - (ageSeconds > 1 ? ageSeconds : 0));
  if (seconds <= 0) throw invalidResponseError(vendor, 'token_expired');
  return Math.min(seconds, maxSeconds);
}

function readNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\s*-?\d+(\.\d+)?\s*$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}
