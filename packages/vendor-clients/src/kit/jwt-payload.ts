import type { Secret } from '@valetkey/core-types';
import { invalidResponseError, type VendorResponse } from './door/response.ts';

/**
 * Returns the claims of a JWT, or undefined for any other text. The signature is not verified: the token is for another
 * party, and only its times and its user are read.
 */
export function readJwtPayload(token: string): Readonly<Record<string, unknown>> | undefined {
  const start = token.indexOf('.') + 1;
  const end = token.indexOf('.', start);
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.slice(start, end), 'base64url').toString('utf8'));
    return typeof payload === 'object' && payload !== null ? { ...payload } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the whole seconds until a JWT of a response expires, or undefined if the token does not say. The time is the
 * vendor's own, from the response's `Date` (RFC 9110 section 6.6.1): the clock of this machine may be wrong, and a vendor
 * may return a token that it issued earlier. Throws `vendor_response_invalid` for an expired token.
 *
 * @example
 * ```ts
 * const expiresInSeconds = remainingLifeSeconds(response, token) ?? 300;
 * ```
 */
export function remainingLifeSeconds(
  { vendor, headers }: Pick<VendorResponse, 'vendor' | 'headers'>,
  token: Secret,
): number | undefined {
  const dateSeconds = Date.parse(String(headers['date'])) / 1_000;
  const { iat = dateSeconds, exp } = readJwtPayload(token.reveal()) ?? {};
  if (typeof iat !== 'number' || typeof exp !== 'number' || Number.isNaN(iat)) return undefined;
  const ageSeconds = dateSeconds - iat;
  // `Date` and `iat` are whole seconds, so a new token may seem one second old. Without `Date`, the token counts as new.
  const remainingSeconds = Math.floor(exp - iat - (ageSeconds > 1 ? ageSeconds : 0));
  if (!Number.isSafeInteger(remainingSeconds)) return undefined;
  if (remainingSeconds <= 0) throw invalidResponseError(vendor, 'token_expired');
  return remainingSeconds;
}
