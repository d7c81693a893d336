import { ValetError } from '../valet-error.ts';
import type { SessionTokens } from './session-types.ts';

/** Returns a vendor's tokens. Throws `vendor_response_invalid` if they are none. */
export function checkTokens(tokens: SessionTokens): SessionTokens {
  const { accessToken, refreshToken, expiresInSeconds, details }: Partial<SessionTokens> = tokens ?? {};
  const areTokens =
    isText(accessToken) &&
    (refreshToken === undefined || isText(refreshToken)) &&
    (expiresInSeconds === undefined || (typeof expiresInSeconds === 'number' && expiresInSeconds > 0)) &&
    typeof details === 'object' &&
    details !== null &&
    Object.values(details).every((detail) => typeof detail === 'string');
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

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
