import { isObject } from '../checks/is-object.ts';
import { ValetError } from '../errors/valet-error.ts';
import type { SessionDetails, SessionTokens } from './session-types.ts';

/** Returns a vendor's tokens. Throws `vendor_response_invalid` if they are none. */
export function checkTokens(tokens: SessionTokens): SessionTokens {
  const { accessToken, refreshToken, expiresInSeconds, details }: Partial<SessionTokens> = tokens ?? {};
  const areTokens =
    isToken(accessToken) &&
    (refreshToken === undefined || isToken(refreshToken)) &&
    (expiresInSeconds === undefined || (typeof expiresInSeconds === 'number' && expiresInSeconds > 0)) &&
    areDetails(details);
  if (areTokens) {
    // JSON has no infinity. A copy of the details has nothing that JSON turns into something else.
    const isForever = expiresInSeconds === Infinity;
    return {
      accessToken,
      refreshToken,
      expiresInSeconds: isForever ? undefined : expiresInSeconds,
      details: { ...details },
    };
  }
  throw new ValetError('vendor_response_invalid', 'The response of the vendor has no tokens that can be used.');
}

export function areDetails(value: unknown): value is SessionDetails {
  return isObject(value) && Object.values(value).every((detail) => typeof detail === 'string');
}

/**
 * Returns whether a value has only the characters of a token (RFC 6749 appendix A). The platform's error for a header with
 * any other character contains the token.
 */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[ -~]+$/.test(value);
}
